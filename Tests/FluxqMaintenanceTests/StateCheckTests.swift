import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqMaintenance

@Suite("A check", .timeLimit(.minutes(30)))
struct StateCheckTests {
    /// Returns a state with one job in every state and phase, one of them with a call that was not billed.
    private func busyState() async throws -> StateFixture {
        let state = try StateFixture()
        let input = try await state.input(.png)
        try await state.done([.gif, .jpeg])
        try await state.doneFromLink(.avif)
        try await state.submit(image: input.hash)
        try await state.answer(state.claim(), [.link("https://example.org/a.png", deadline: state.now + .seconds(60))])
        try await state.submit()
        _ = try await state.store.record(
            CallReport(outcome: .rejected(APIError(message: "no"))), of: state.claim())
        try await state.submit()
        let refused = try await state.claim()
        _ = try await state.store.record(CallReport(outcome: .notSent(message: "refused")), of: refused)
        state.pass(.seconds(600))
        _ = try await state.claim()
        try await state.submit(notBefore: state.now + .seconds(60))
        return state
    }

    @Test("of a sound state finds nothing, counts its contents, and leaves the database unchanged, byte for byte")
    func sound() async throws {
        let state = try await busyState()
        let names = ["queue.sqlite", "queue.sqlite-wal"]
        let before = try names.map { try Data(contentsOf: URL(filePath: state.directory.path($0))) }
        let report = try await state.check()
        #expect(report.findings == [])
        #expect(report.isSound)
        #expect((report.jobs, report.calls, report.users) == (6, 6, 1))
        #expect(report.files == 4)
        let after = try names.map { try Data(contentsOf: URL(filePath: state.directory.path($0))) }
        #expect(after == before)
        #expect(before[1].count > 0)
        // The daemon's own connection still works.
        try await state.submit()
    }

    @Test(
        "names rows that contradict one another",
        arguments: [
            ("UPDATE owners SET done = done + 1", "counts"),
            ("UPDATE usage SET images = images - 1", "sum of the ledger"),
            ("DELETE FROM usage", "sum of the ledger"),
            ("UPDATE jobs SET attempt = attempt + 1, attempts = attempts + 1 WHERE state = 'failed'", "calls"),
            ("UPDATE jobs SET attempts = 0 WHERE state = 'done'", "calls"),
            ("UPDATE jobs SET phase = 'archiving' WHERE phase = 'calling'", "is open for a job that is not calling"),
            ("UPDATE jobs SET phase = 'calling' WHERE phase = 'archiving'", "without an open call"),
            ("UPDATE jobs SET reason = 'no_image' WHERE state = 'failed'", "end is not what the ledger says"),
            ("DELETE FROM pictures WHERE job = 1 AND position = 2", "has no row"),
            ("DELETE FROM pictures WHERE state = 'pending'", "to be fetched for a job that does not wait"),
        ])
    func contradictions(sql: String, rule: String) async throws {
        let state = try await busyState()
        try state.raw(sql)
        let findings = try await state.check().findings
        #expect(findings.contains { $0.kind == .records && $0.message.contains(rule) }, "\(findings)")
    }

    @Test("names a row that refers to a missing row")
    func loose() async throws {
        let state = try await busyState()
        try state.raw("UPDATE jobs SET uid = 4242 WHERE id = 1")
        #expect(try await state.check().findings.contains { $0.kind == .reference && $0.message.contains("jobs") })
    }

    @Test("reports a database with damaged pages, and compares no files with it")
    func damagedDatabase() async throws {
        let state = try await busyState()
        try state.store.close()
        try state.raw("PRAGMA user_version = 1")
        let path = state.directory.path("queue.sqlite")
        var bytes = try Data(contentsOf: URL(filePath: path))
        // Every page but the first, which holds the schema.
        for index in stride(from: 4096 * 2, to: bytes.count, by: 512) { bytes[index] ^= 0xFF }
        try bytes.write(to: URL(filePath: path))
        let report = try await state.check()
        #expect(!report.isSound)
        #expect(Set(report.findings.map(\.kind)) == [.integrity])
        #expect(report.findings.allSatisfy { $0.remedy.contains("backup") })
    }

    @Test("names a flipped bit, a truncated file and a missing one, with their jobs")
    func files() async throws {
        let state = try await busyState()
        let job = try await state.job(JobID(rawValue: 1))
        let hashes = job.pictures.compactMap(\.hash)
        try state.flipBit(of: hashes[0])
        try state.truncate(hashes[1])
        let input = try #require(try await state.job(JobID(rawValue: 3)).request.image?.hash)
        try FileManager.default.removeItem(atPath: state.path(input))

        let findings = try await state.check().findings
        #expect(findings.count == 3)
        for (hash, kind, subject) in [
            (hashes[0], Finding.Kind.damagedFile, "picture 1 of job 1"),
            (hashes[1], .damagedFile, "picture 2 of job 1"), (input, .missingFile, "an input of uid 1000"),
        ] {
            let finding = try #require(findings.first { $0.hash == hash.description })
            #expect(finding.kind == kind && finding.message.contains(subject) && finding.path == state.path(hash))
        }
    }

    @Test("an old file without a row is stray; the row of a young one may still be written")
    func strays() async throws {
        let state = try await busyState()
        let stray = try await state.archived(.lossyWebP)
        #expect(try await state.check().findings == [])
        try state.age(stray.hash, seconds: 3601)
        let report = try await state.check()
        #expect(report.findings.map(\.kind) == [.strayFile])
        #expect(report.findings[0].bytes == stray.bytes)
        #expect(report.isSound)

        let foreign = state.directory.path("objects/sha256/00/notes.txt")
        #expect(FileManager.default.createFile(atPath: foreign, contents: Data([1])))
        #expect(
            try await state.check().findings.map(\.kind).sorted { $0.rawValue < $1.rawValue } == [
                .foreignFile, .strayFile,
            ])
    }

    @Test("a report is decoded as it was encoded")
    func json() async throws {
        let state = try await busyState()
        try state.raw("DELETE FROM usage")
        let report = try await state.check()
        #expect(try JSONDecoder().decode(CheckReport.self, from: JSONEncoder().encode(report)) == report)
    }

    @Test("ends when it is canceled")
    func canceled() async throws {
        let state = try await busyState()
        await #expect(throws: CancellationError.self) {
            try await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await state.check()
            }.value
        }
    }
}

extension EditRequest.Image {
    fileprivate var hash: ContentHash? {
        if case .content(let hash) = self { hash } else { nil }
    }
}
