import FluxqTestSupport
import Foundation
import Synchronization
import Testing

@testable import FluxqHost

@Suite("The table of subordinate uids", .timeLimit(.minutes(30)))
struct SubordinateTableTests {
    /// A user database that counts, and that answers or does not.
    private final class Names: Sendable {
        struct Failure: Error {}

        private struct State {
            var asked = 0
            var isFailing = false
            var gate: DispatchSemaphore?
        }

        private let state = Mutex(State())
        private let uids: [String: UInt32]

        init(_ uids: [String: UInt32]) { self.uids = uids }

        var asked: Int { state.withLock { $0.asked } }

        func hang() { state.withLock { $0.gate = DispatchSemaphore(value: 0) } }

        func fail(_ isFailing: Bool) { state.withLock { $0.isFailing = isFailing } }

        func answer() { state.withLock { $0.gate }?.signal() }

        func uid(_ name: String) throws -> UInt32? {
            let (gate, isFailing) = state.withLock { state in
                state.asked += 1
                return (state.gate, state.isFailing)
            }
            if let gate {
                gate.wait()
                gate.signal()
            }
            if isFailing { throw Failure() }
            return uids[name]
        }
    }

    private let directory: TemporaryDirectory
    private let file: String

    init() throws {
        directory = try TemporaryDirectory()
        file = directory.path("subuid")
    }

    private func write(_ text: String) throws {
        try text.write(toFile: file, atomically: true, encoding: .utf8)
    }

    @Test("knows all 65,536 of a user by one look at the user's name, and nobody waits for it")
    func oneLook() async throws {
        try write("mallory:100000:65536\n4001:200000:10\n")
        let names = Names(["mallory": 4000])
        names.hang()
        let table = SubordinateTable(file) { try names.uid($0) }
        _ = try table.current()
        for uid in 100_000..<165_536 as Range<UInt32> { #expect(table.verdict(on: uid) == .unsettled) }
        // Others do not need that look.
        #expect(table.verdict(on: 99_999) == .none && table.verdict(on: 165_536) == .none)
        #expect(table.verdict(on: 200_000) == .subordinate(of: "4001"))
        names.answer()
        try await Observation.wait { table.verdict(on: 100_000) == .subordinate(of: "mallory") }
        for uid in 100_000..<165_536 as Range<UInt32> {
            #expect(table.verdict(on: uid) == .subordinate(of: "mallory"))
        }
        #expect(names.asked == 1)
    }

    @Test("lets somebody be whose own number lies in the own range, and nobody else in it")
    func ownRange() async throws {
        try write("grace:5000:10\nroot:6000:10\n5003:5003:1\n")
        let table = SubordinateTable(file) { $0 == "grace" ? 5003 : nil }
        _ = try table.current()
        try await Observation.wait { table.verdict(on: 5004) == .subordinate(of: "grace") }
        #expect(table.verdict(on: 5003) == .none)
        #expect(table.verdict(on: 6000) == .none)
        #expect(table.verdict(on: 0) == .none)
    }

    @Test("takes a range whose owner nobody knows for somebody else's")
    func unknownOwner() async throws {
        try write("gone:100000:10\n")
        let table = SubordinateTable(file) { _ in nil }
        _ = try table.current()
        try await Observation.wait { table.verdict(on: 100_000) == .subordinate(of: "gone") }
    }

    @Test("is read again when the file has changed, and not while it has not")
    func changed() async throws {
        let table = SubordinateTable(file) { _ in 4000 }
        #expect(try table.current().owners(of: 100_000) == [])
        try write("mallory:100000:10\n")
        #expect(try table.current().owners(of: 100_000) == ["mallory"])
        try write("mallory:200000:10\n")
        // Without a lookup of anybody, by those who come.
        try await Observation.wait { table.verdict(on: 200_000) == .subordinate(of: "mallory") }
        #expect(table.verdict(on: 100_000) == .none)
        try FileManager.default.removeItem(atPath: file)
        #expect(try table.current().owners(of: 200_000) == [])
    }

    @Test("asks again after a failure only when that is due, and what was known holds meanwhile")
    func failing() async throws {
        try write("mallory:100000:10\n")
        let names = Names(["mallory": 4000])
        names.fail(true)
        let table = SubordinateTable(file) { try names.uid($0) }
        _ = try table.current()
        #expect(table.verdict(on: 100_000) == .unsettled)
        for _ in 0..<1000 { #expect(table.verdict(on: 100_001) == .unsettled) }
        #expect(names.asked <= 1)
        // Until the failure has been noted, a change of the file asks nobody.
        try await Observation.wait {
            names.fail(false)
            table.forget()
            return table.verdict(on: 100_000) == .subordinate(of: "mallory")
        }
        names.fail(true)
        table.forget()
        for _ in 0..<1000 { #expect(table.verdict(on: 100_001) == .subordinate(of: "mallory")) }
    }

    @Test("finds the ranges of a uid among thousands")
    func many() {
        let text = (0..<20_000).map { "user-\($0):\(100_000 + $0 * 65_536):65536" }.shuffled()
        let ranges = SubordinateRanges((text + ["wide:0:4294967296"]).joined(separator: "\n"))
        for number in stride(from: 0, to: 20_000, by: 997) {
            let first = UInt32(100_000 + number * 65_536)
            #expect(ranges.owners(of: first) == ["wide", "user-\(number)"])
            #expect(ranges.owners(of: first + 65_535) == ["wide", "user-\(number)"])
        }
        #expect(ranges.owners(of: 99_999) == ["wide"])
    }
}
