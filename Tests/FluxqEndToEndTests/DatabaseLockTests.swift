import FluxqTestSupport
import Foundation
import GRDB
import Testing

@Suite("A program that locks the database of a running daemon", .timeLimit(.minutes(30)))
struct DatabaseLockTests {
    private func lock(_ daemon: RunningDaemon) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        configuration.busyMode = .timeout(60)
        let queue = try DatabaseQueue(path: daemon.directory.path("state/queue.sqlite"), configuration: configuration)
        try queue.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
        return queue
    }

    private func unlock(_ queue: DatabaseQueue) throws {
        try queue.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
    }

    @Test("is waited for, then named with its process id as the reason to retry; the request works once it has ended")
    func named() async throws {
        let daemon = try await RunningDaemon()
        let other = try lock(daemon)
        let submit = ["submit", "--image", "-", "x"]
        let refused = try await daemon.run(submit, input: SamplePictures.png.bytes)
        #expect(refused.end == .exit(75), "\(refused)")
        #expect(refused.errors.contains("locked by process \(getpid())"), "\(refused)")
        #expect(try await daemon.fluxq("status").end == .exit(0))
        try unlock(other)
        #expect(try await daemon.run(submit + ["--wait"], input: SamplePictures.png.bytes).end == .exit(0))
        await daemon.stop()
    }

    @Test("loses no answer: one that arrives during the lock is recorded later, and billed once")
    func answer() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(
            ["submit", "--image", "-", "x sandbox:inline sandbox:slow=2"], input: SamplePictures.png.bytes)
        try await daemon.waitForEvent("claimed", count: 1)
        let other = try lock(daemon)
        // Longer than fluxqd waits for one request.
        let refused = try await daemon.fluxq("cancel", "1")
        #expect(refused.end == .exit(75), "\(refused)")
        try unlock(other)
        #expect(try await daemon.fluxq("wait", "1", "--timeout", "120").end == .exit(0))
        #expect(try daemon.ledger().count == 1)
        #expect(await daemon.stop() == .exit(0))
    }
}
