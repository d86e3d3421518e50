import FluxqFormats
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqSandbox

@Suite("A sandbox starts, keeps a ledger and stops", .timeLimit(.minutes(30)))
struct LifetimeTests {
    @Test("in a directory of its own, which only its user reads")
    func directory() async throws {
        try await SandboxClient.run { client throws in
            let path = client.directory.path("sandbox")
            let files = FileManager.default
            #expect(try files.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o700)
            _ = try await client.order().answer()
            for name in ["ledger.jsonl", "port", "secret"] {
                #expect(try files.attributesOfItem(atPath: "\(path)/\(name)")[.posixPermissions] as? Int == 0o600)
            }
            let port = try String(contentsOfFile: "\(path)/port", encoding: .utf8)
            #expect(port == "\(client.sandbox.port)\n")
            #expect(client.sandbox.baseURL == "http://127.0.0.1:\(client.sandbox.port)/v1")
        }
    }

    @Test("on another port if its last one is taken, but not if a port is configured")
    func portTaken() async throws {
        let directory = try TemporaryDirectory()
        try await SandboxClient.run { first throws in
            let taken = first.sandbox.port
            try FileManager.default.createDirectory(
                atPath: directory.path("sandbox"), withIntermediateDirectories: true)
            try Data("\(taken)\n".utf8).write(to: URL(fileURLWithPath: directory.path("sandbox/port")))
            try await SandboxClient.run(in: directory) { second throws in
                #expect(second.sandbox.port != taken)
                #expect(try await second.order().answer().status == 200)
            }
            let told = Sandbox.Configuration(directory: directory.path("told"), latency: .zero, port: taken)
            await #expect(throws: SandboxError.portTaken(taken)) {
                try await Sandbox.start(told, logger: .quiet)
            }
        }
    }

    @Test("not in a directory that cannot be created")
    func noDirectory() async throws {
        let directory = try TemporaryDirectory()
        try Data().write(to: URL(fileURLWithPath: directory.path("file")))
        let configuration = Sandbox.Configuration(directory: directory.path("file/sandbox"), latency: .zero)
        await #expect(throws: SandboxError.self) { try await Sandbox.start(configuration, logger: .quiet) }
    }

    @Test("every call is in the ledger, with its request and its bill")
    func ledger() async throws {
        try await SandboxClient.run { client throws in
            let before = Int64(Date().timeIntervalSince1970 * 1_000_000)
            let answer = try await client.order(["n": 3, "seed": 42]).answer()
            _ = try await client.order(["prompt": "x sandbox:429"]).answer()
            _ = try await client.post("not JSON").answer()
            _ = try await client.order(["n": 9]).answer()
            let after = Int64(Date().timeIntervalSince1970 * 1_000_000)
            let entries = try client.entries()
            #expect(entries.map(\.status) == [200, 429, 400, 400])
            #expect(entries.map(\.billed) == [true, false, false, false])
            #expect(entries.map(\.images) == [3, 0, 0, 0])
            #expect(entries.map(\.n) == [3, nil, nil, 9])
            #expect(entries.map(\.seed) == [42, 7, nil, 7])
            #expect(entries[0].id == answer.headers["x-request-id"])
            #expect(entries[0].prompt == "a lighthouse sandbox:size=24x16")
            #expect(entries[0].model == "black-forest-labs/flux-kontext-max")
            #expect(entries[2].prompt == nil && entries[2].model == nil)
            #expect(Set(entries.map(\.id)).count == 4)
            for entry in entries {
                #expect((before...after).contains(entry.receivedUnixMicroseconds))
                #expect(entry.receivedAt.hasSuffix("Z"))
            }
            #expect(entries.map(\.receivedMonotonicNanoseconds).sorted() == entries.map(\.receivedMonotonicNanoseconds))
            // Any process can read it, given the directory.
            #expect(try SandboxLedger(directory: client.directory.path("sandbox")).entries() == entries)
        }
    }

    @Test("the ledger continues after a restart")
    func ledgerGoesOn() async throws {
        let directory = try TemporaryDirectory()
        for count in 1...2 {
            try await SandboxClient.run(in: directory) { client throws in
                _ = try await client.order().answer()
                #expect(try client.entries().count == count)
            }
        }
    }

    @Test("an empty ledger has no entries; one that is damaged says where")
    func damagedLedger() async throws {
        let directory = try TemporaryDirectory()
        let ledger = SandboxLedger(directory: directory.path)
        #expect(try ledger.entries() == [])
        try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: ledger.path))
        #expect(throws: SandboxError.ledgerLine(path: ledger.path, line: 1)) { try ledger.entries() }
    }

    @Test(
        "a waiting call is already in the ledger, and stopping ends it immediately",
        arguments: [
            "sandbox:stall", "sandbox:slow=3600", "sandbox:slow=3600 sandbox:429",
        ])
    func stop(words: String) async throws {
        try await SandboxClient.run { client throws in
            async let seen = client.order(["prompt": .string("x \(words)")])
            #expect(try await client.entries(count: 1).first?.prompt == "x \(words)")
            await client.sandbox.shutdown()
            guard case .nothing = try await seen else {
                Issue.record("answered although it was stopped")
                return
            }
        }
    }

    @Test("latency delays only billed calls")
    func latency() async throws {
        try await SandboxClient.run(latency: .seconds(3600)) { client throws in
            #expect(try await client.order(["n": 9]).answer().status == 400)
            #expect(try await client.order(["prompt": "x sandbox:429"]).answer().status == 429)
            async let waiting = client.order()
            #expect(try await client.entries(count: 3).last?.billed == true)
            await client.sandbox.shutdown()
            guard case .nothing = try await waiting else {
                Issue.record("answered before its time")
                return
            }
        }
    }

    @Test("an idle connection does not keep it from stopping")
    func idleConnection() async throws {
        try await SandboxClient.run { client throws in
            _ = try await client.order().answer()
            await client.sandbox.shutdown()
            guard case .nothing = try await client.order() else {
                Issue.record("answered after it was stopped")
                return
            }
        }
    }
}
