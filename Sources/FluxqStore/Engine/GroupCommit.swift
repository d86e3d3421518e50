import FluxqModel
import Synchronization

/// What a transaction changed, for those who wait; told after the commit.
typealias Changes = Set<ChangeSignal.Topic>

/// Runs the writes of concurrent callers in one transaction with one fsync. Every caller is answered after the commit
/// that holds its write; one whose write fails is rolled back alone.
final class GroupCommit: Sendable {
    /// Writes in one transaction at most, so that the first caller does not wait for the ten-thousandth.
    private static let largestGroup = 512

    /// One caller's part of a transaction.
    private struct Write: Sendable {
        /// Runs inside the open transaction, in a savepoint of its own. Returns why it was rolled back, if it was.
        let run: @Sendable (any Connection, inout Changes) -> StoreError?
        /// Answers the caller: with the error of the transaction where that failed, else with what `run` came to.
        let answer: @Sendable (StoreError?) -> Void
    }

    /// Carries what a write came to from its run to its answer.
    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, StoreError>>(.failure(.other("the write was not run")))
    }

    private struct Queue {
        var waiting: [Write] = []
        var isDraining = false
    }

    private let engine: any Engine
    private let signal: ChangeSignal
    private let onRollback: @Sendable () -> Void
    private let onFatal: @Sendable (StoreError) -> Void
    private let queue = Mutex(Queue())

    /// - Parameter onRollback: called when what a write had done was taken back, before anybody hears of it.
    init(
        engine: any Engine, signal: ChangeSignal, onRollback: @escaping @Sendable () -> Void = {},
        onFatal: @escaping @Sendable (StoreError) -> Void
    ) {
        self.engine = engine
        self.signal = signal
        self.onRollback = onRollback
        self.onFatal = onFatal
    }

    /// Runs `body` in a transaction of the one writing connection and returns its value when that is on the disk.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection, inout Changes) throws -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            let outcome = Outcome<Value>()
            enqueue(
                Write(
                    run: { db, changes in
                        var own = Changes()
                        do {
                            try db.savepoint {
                                let value = try body(db, &own)
                                outcome.result.withLock { $0 = .success(value) }
                            }
                            changes.formUnion(own)
                            return nil
                        } catch {
                            let error = error as? StoreError ?? .other("\(error)")
                            outcome.result.withLock { $0 = .failure(error) }
                            return error
                        }
                    },
                    answer: { error in
                        continuation.resume(returning: error.map(Result.failure) ?? outcome.result.withLock { $0 })
                    }))
        }
        return try result.get()
    }

    /// Writes that wait for the connection.
    var waiting: Int { queue.withLock { $0.waiting.count } }

    private func enqueue(_ write: Write) {
        let mustStart = queue.withLock { queue in
            queue.waiting.append(write)
            defer { queue.isDraining = true }
            return !queue.isDraining
        }
        guard mustStart else { return }
        engine.enqueue { [self] in drain() }
    }

    /// Commits group after group until nobody waits; callers who come during an fsync form the next group.
    private func drain() {
        while true {
            let group = queue.withLock { queue in
                let group = Array(queue.waiting.prefix(Self.largestGroup))
                queue.waiting.removeFirst(group.count)
                if group.isEmpty { queue.isDraining = false }
                return group
            }
            if group.isEmpty { return }
            commit(group)
        }
    }

    private func commit(_ group: [Write]) {
        var changes = Changes()
        var failure: StoreError?
        do throws(StoreError) {
            try engine.write { db in
                for write in group {
                    let error = write.run(db, &changes)
                    if error != nil { onRollback() }
                    if let error, error.isFatal { throw error }
                    guard db.isInTransaction else { throw error ?? StoreError.full }
                }
                CrashPoint.transactionWritten.pass()
            }
            CrashPoint.transactionCommitted.pass()
        } catch {
            failure = error
            onRollback()
        }
        // Before anybody hears of it, and before the next group could be told that it is on a disk that cannot be believed.
        if let failure, failure.isFatal { onFatal(failure) }
        if failure == nil { signal.notify(changes) }
        for write in group { write.answer(failure) }
    }
}
