import FluxqModel
import Synchronization

/// The topics that a transaction changed; waiting tasks are notified after the commit.
typealias Changes = Set<ChangeSignal.Topic>

/// Runs the writes of concurrent callers in one transaction with one fsync. Every caller is answered after the commit
/// that contains its write. A write that fails is rolled back alone.
final class GroupCommit: Sendable {
    /// The maximum number of writes in one transaction, so that the first caller does not wait for the ten-thousandth.
    private static let largestGroup = 512

    /// One caller's part of a transaction.
    private struct Write: Sendable {
        /// Runs inside the open transaction, in a savepoint of its own. Returns the error if it was rolled back.
        let run: @Sendable (any Connection, inout Changes) -> StoreError?
        /// Answers the caller with the error of the transaction if that failed, otherwise with the result of `run`.
        let answer: @Sendable (StoreError?) -> Void
    }

    /// Carries the result of a write from its run to its answer.
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

    /// - Parameter onRollback: called when a write was rolled back, before any caller is answered.
    init(
        engine: any Engine, signal: ChangeSignal, onRollback: @escaping @Sendable () -> Void = {},
        onFatal: @escaping @Sendable (StoreError) -> Void
    ) {
        self.engine = engine
        self.signal = signal
        self.onRollback = onRollback
        self.onFatal = onFatal
    }

    /// Runs `body` in a transaction of the one writing connection and returns its value when its writes are on the
    /// disk.
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

    /// The number of writes that wait for the connection.
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

    /// Commits group after group until no write waits. Writes that arrive during an fsync form the next group.
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
        // This comes before any answer, and before the next group could be acknowledged on a disk that has failed.
        if let failure, failure.isFatal { onFatal(failure) }
        if failure == nil { signal.notify(changes) }
        for write in group { write.answer(failure) }
    }
}
