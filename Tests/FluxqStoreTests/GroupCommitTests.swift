import Dispatch
import FluxqModel
import FluxqTestSupport
import Synchronization
import Testing

@testable import FluxqStore

@Suite("Grouping writes")
struct GroupCommitTests {
    /// A real database with a table `t` that takes no number that ends in 3, which counts its commits.
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

    /// What was heard, in order.
    private final class Log: Sendable {
        private let words = Mutex<[String]>([])

        var all: [String] { words.withLock { $0 } }

        func add(_ word: String) { words.withLock { $0.append(word) } }
    }

    @Test("writers who wait together share one commit, and each hears of its own failure alone")
    func shared() async throws {
        let engine = try CountingEngine()
        let group = GroupCommit(engine: engine, signal: ChangeSignal(), onFatal: { _ in })

        // Holds the writing connection until all hundred wait for it.
        let gate = DispatchSemaphore(value: 0)
        engine.enqueue { gate.wait() }
        let failures = try await withThrowingTaskGroup(of: Int.self) { writers in
            // Nothing ends while the connection is held, whatever happens here.
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

    @Test("a disk that fails is told before any caller hears of it, and every caller of the group does")
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

    @Test("a change is told after its commit, and not at all when its write fails")
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
    @Test("who waits for a job is woken by that job", .timeLimit(.minutes(30)))
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

    @Test("a change between the look and the wait is not missed", .timeLimit(.minutes(30)))
    func notMissed() async {
        let signal = ChangeSignal()
        let seen = signal.count
        signal.notify([.calls])
        #expect(await signal.change(of: .calls, after: seen) == 1)
    }

    @Test(
        "who waits for calls or downloads sleeps through every other change, before the wait and in it",
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
