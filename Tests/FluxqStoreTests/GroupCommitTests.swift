import Dispatch
import FluxqModel
import FluxqTestSupport
import Synchronization
import Testing

@testable import FluxqStore

@Suite("Grouping writes")
struct GroupCommitTests {
    /// A real database that counts its commits. Its table `t` rejects numbers that end in 3.
    private final class CountingEngine: Engine {
        let directory: TemporaryDirectory
        let commits = Mutex(0)
        private let engine: SQLiteEngine

        init() throws {
            directory = try TemporaryDirectory()
            engine = try SQLiteEngine(
                path: directory.path("queue.sqlite"), clock: { Timestamp(rawValue: 0) }, lockPatience: .seconds(5),
                blocking: nil)
            try engine.write { db in try db.execute("CREATE TABLE t (x INTEGER NOT NULL CHECK (x % 10 <> 3))") }
        }

        func enqueue(writer work: @escaping @Sendable () -> Void) { engine.enqueue(writer: work) }

        func write(_ body: (any Connection) throws -> Void) throws(StoreError) {
            try engine.write(body)
            commits.withLock { $0 += 1 }
        }

        func read<Value: Sendable>(
            _ body: @escaping @Sendable (any Connection) throws -> Value
        ) async throws(StoreError) -> Value { try await engine.read(body) }

        func close() throws(StoreError) { try engine.close() }

        func count() async throws -> Int? {
            try await read { db in try db.value(Int.self, "SELECT count(*) FROM t") }
        }
    }

    /// The calls in their order.
    private final class Log: Sendable {
        private let words = Mutex<[String]>([])

        var all: [String] { words.withLock { $0 } }

        func add(_ word: String) { words.withLock { $0.append(word) } }
    }

    @Test("writes that wait together share one commit, and each gets only its own failure")
    func shared() async throws {
        let engine = try CountingEngine()
        let group = GroupCommit(engine: engine, signal: ChangeSignal(), onFatal: { _ in })

        // Holds the writing connection until all hundred writes wait for it.
        let gate = DispatchSemaphore(value: 0)
        engine.enqueue { gate.wait() }
        let failures = try await withThrowingTaskGroup(of: Int.self) { writers in
            // Releases the connection in every case, because nothing could end while it is held.
            defer { gate.signal() }
            for number in 0..<100 {
                writers.addTask {
                    do {
                        _ = try await group.write { db, _ in
                            try db.execute("INSERT INTO t (x) VALUES (?)", [number])
                        }
                        return 0
                    } catch { return 1 }
                }
            }
            try await Observation.wait { group.waiting == 100 }
            gate.signal()
            return try await writers.reduce(0, +)
        }
        #expect(failures == 10)
        #expect(engine.commits.withLock { $0 } == 1)
        #expect(try await engine.count() == 90)
    }

    @Test("a failed disk is reported before any caller is answered, and every caller of the group gets the error")
    func fatal() async throws {
        let engine = try CountingEngine()
        let heard = Log()
        let group = GroupCommit(
            engine: engine, signal: ChangeSignal(), onFatal: { _ in heard.add("fatal") })
        let gate = DispatchSemaphore(value: 0)
        engine.enqueue { gate.wait() }
        try await withThrowingTaskGroup(of: Void.self) { writers in
            defer { gate.signal() }
            for number in 0..<3 {
                writers.addTask {
                    do {
                        try await group.write { db, _ in
                            if number == 1 { throw StoreError.failedDisk("fsync") }
                            try db.execute("INSERT INTO t (x) VALUES (1)")
                        }
                        heard.add("written")
                    } catch { heard.add("failed") }
                }
            }
            try await Observation.wait { group.waiting == 3 }
        }
        #expect(heard.all == ["fatal", "failed", "failed", "failed"])
        #expect(try await engine.count() == 0)
    }

    @Test("a change is signaled after its commit, and not if its write fails")
    func told() async throws {
        let engine = try CountingEngine()
        let signal = ChangeSignal()
        let group = GroupCommit(engine: engine, signal: signal, onFatal: { _ in })
        try await group.write { db, changes in
            try db.execute("INSERT INTO t (x) VALUES (1)")
            changes.insert(.calls)
        }
        #expect(signal.count == 1)
        await #expect(throws: StoreError.self) {
            try await group.write { db, changes in
                changes.insert(.calls)
                try db.execute("INSERT INTO t (x) VALUES (3)")
            }
        }
        #expect(signal.count == 1)
    }
}

@Suite("Waiting for changes")
struct ChangeSignalTests {
    @Test("a task that waits for a job is woken by that job", .timeLimit(.minutes(30)))
    func woken() async throws {
        let signal = ChangeSignal()
        let seen = signal.count
        async let change = signal.change(of: .job(JobID(rawValue: 1)), after: seen)
        try await Observation.wait { signal.waiting > 0 }
        signal.notify([.job(JobID(rawValue: 2))])
        #expect(signal.waiting == 1)
        signal.notify([.job(JobID(rawValue: 1))])
        #expect(await change == 2)
    }

    @Test("a change between the read and the wait is not missed", .timeLimit(.minutes(30)))
    func notMissed() async {
        let signal = ChangeSignal()
        let seen = signal.count
        signal.notify([.calls])
        #expect(await signal.change(of: .calls, after: seen) == 1)
    }

    @Test(
        "a task that waits for calls or downloads is not woken by other changes, before or during the wait",
        .timeLimit(.minutes(30)))
    func ownTopic() async throws {
        let signal = ChangeSignal()
        let seen = signal.count
        signal.notify([.calls, .job(JobID(rawValue: 1))])
        async let change = signal.change(of: .downloads, after: seen)
        try await Observation.wait { signal.waiting > 0 }
        signal.notify([.calls])
        #expect(signal.waiting == 1)
        signal.notify([.downloads])
        #expect(await change == 3)
        #expect(await signal.change(of: .calls, after: seen) == 3)
    }

    @Test("a canceled wait ends", .timeLimit(.minutes(30)))
    func canceled() async throws {
        let signal = ChangeSignal()
        let wait = Task { await signal.change(of: .calls, after: signal.count) }
        try await Observation.wait { signal.waiting > 0 }
        wait.cancel()
        #expect(await wait.value == 0)
        #expect(signal.waiting == 0)
    }
}
