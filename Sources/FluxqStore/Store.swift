package import FluxqHost
package import FluxqModel
import Synchronization

/// The job database. Its verbs are its whole interface: no SQL and no type of the database library leaves this module.
///
/// One connection writes and checkpoints; readers have their own and see the last commit. A verb returns when its
/// writes are on the disk. Verbs are named after events of a job; there is no way to set a state.
package final class Store: Sendable {
    package let signal = ChangeSignal()
    private let reloadable: Reloadable<StorePolicy>
    let memory = LineMemory()
    /// The wall clock whose times the store writes.
    package let clock: @Sendable () -> Timestamp
    let shortage = ShortageNotice()
    private let random: @Sendable () -> UInt64
    private let engine: any Engine
    private let group: GroupCommit
    private let onFatal: @Sendable (StoreError) -> Void
    private let onLaneNews = Mutex<(@Sendable (LaneNews) -> Void)?>(nil)

    /// Opens the database, creates it if there is none, and brings its schema up to date.
    ///
    /// - Parameters:
    /// - path: the path of `queue.sqlite`.
    ///   - now: the wall clock.
    ///   - random: 64 evenly distributed bits, for the jitter of pauses.
    /// - lockPatience: the time to wait for another program's lock on the database.
    ///   - blocking: runs blocking work; nil uses the database library's own threads.
    ///   - onFatal: called once or more when the disk has failed; the process must then end.
    package init(
        path: String, policy: StorePolicy = .init(), now: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) },
        lockPatience: Duration = .seconds(5),
        blocking: BlockingWork? = nil,
        onFatal: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) throws(StoreError) {
        engine = try SQLiteEngine(path: path, clock: now, lockPatience: lockPatience, blocking: blocking)
        reloadable = Reloadable(policy)
        clock = now
        self.random = random
        self.onFatal = onFatal
        group = GroupCommit(
            engine: engine, signal: signal, onRollback: { [memory] in memory.forget() }, onFatal: onFatal)
    }

    /// Writes a page without changing its contents.
    static let writingNothingNew = "UPDATE queue SET id = id"

    /// Returns when a write has succeeded, which shows that there is room again.
    package func tryWriting() async throws(StoreError) {
        try await write { transaction in _ = try transaction.execute(Self.writingNothingNew) }
    }

    /// Each unit of work reads it once.
    var policy: StorePolicy { reloadable.current }

    /// Applies new settings to transactions that begin from now on.
    package func reload(_ policy: StorePolicy) {
        reloadable.replace(with: policy)
        // Jobs that were blocked may be callable now.
        signal.notify([.calls, .downloads, .inputs])
    }

    /// Waits for the last write and closes the file.
    package func close() throws(StoreError) {
        try engine.close()
    }

    /// Sets the function that is called for every lane that was closed or opened, once that is on the disk.
    package func tellLaneNews(_ hear: @escaping @Sendable (LaneNews) -> Void) {
        onLaneNews.withLock { $0 = hear }
    }

    /// Runs a verb's writes; see `GroupCommit.write`.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(StoreError) -> Value {
        let (value, news) = try await group.write { [reloadable, shortage, random, memory] db, changes throws in
            let transaction = Transaction(
                db: db, policy: reloadable.current, shortage: shortage.present, now: db.now,
                generator: DrawnBits(draw: random), memory: memory)
            let value = try body(transaction)
            changes.formUnion(transaction.changes)
            return (value, transaction.laneNews)
        }
        if let hear = onLaneNews.withLock({ $0 }) { news.forEach(hear) }
        return value
    }

    /// Reads the last commit without waiting for writers.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection, _ now: Timestamp) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await engine.read { db in try body(db, db.now) }
        } catch {
            if error.isFatal { onFatal(error) }
            throw error
        }
    }
}

/// Adapts the store's source of random bits to the standard library.
struct DrawnBits: RandomNumberGenerator {
    let draw: @Sendable () -> UInt64

    mutating func next() -> UInt64 { draw() }
}
