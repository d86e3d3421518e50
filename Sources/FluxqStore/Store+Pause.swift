package import FluxqModel
import GRDB

extension Store {
    /// What became of an administrator's wish about the whole queue.
    package enum QueueWishResult: Hashable, Sendable {
        case granted
        /// It was so already.
        case unchanged
        case notAllowed
    }

    /// Keeps every new call from beginning, over restarts, until somebody resumes the queue. Calls in flight go on.
    package func pause(by caller: Caller) async throws(StoreError) -> QueueWishResult {
        try await write { transaction in
            guard caller.isAdministrator else { return .notAllowed }
            var gate = try transaction.gate()
            // Whoever paused first stays the one to ask.
            guard gate.pause == nil else { return .unchanged }
            gate.pause = .init(since: transaction.now, uid: caller.uid)
            try transaction.write(gate)
            try transaction.remember(caller.owner)
            try transaction.logQueue(.paused, actor: caller.uid)
            return .granted
        }
    }

    /// Lets calls begin again; where the API could not be used, one tries at once whether it can be now.
    package func resume(by caller: Caller) async throws(StoreError) -> QueueWishResult {
        try await write { transaction in
            guard caller.isAdministrator else { return .notAllowed }
            let before = try transaction.gate()
            var gate = before
            gate.resume(at: transaction.now)
            guard gate != before else { return .unchanged }
            try transaction.write(gate)
            // Jobs whose calls closed the gate wait until it would have opened by itself; without them there may be
            // nothing to probe with.
            if let opening = before.opens(after: transaction.now) {
                try transaction.execute(
                    """
                    UPDATE jobs SET not_before = NULL, after_backoff = 0
                    WHERE state = 'queued' AND after_backoff = 1 AND not_before >= ?
                    """, [opening])
            }
            try transaction.remember(caller.owner)
            try transaction.logQueue(.resumed, actor: caller.uid)
            transaction.wakeWorkers()
            return .granted
        }
    }
}
