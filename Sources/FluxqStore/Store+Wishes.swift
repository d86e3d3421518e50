package import FluxqModel
import GRDB

/// What became of an owner's wish about a job.
package enum WishResult: Hashable, Sendable {
    /// The job after it.
    case granted(Job)
    /// The job's state forbids it.
    case forbidden(Job)
    /// No such job, or somebody else's.
    case noSuchJob
    /// A limit of the owner's keeps it from being queued again.
    case overLimit(LimitReached)
}

extension Store {
    /// Cancels a queued job; marks a running one, whose pictures are still kept because they are paid for.
    package func cancel(_ id: JobID, uid: UInt32) async throws(StoreError) -> WishResult {
        try await write { transaction in
            try transaction.grant(.canceled, to: id, uid: uid) { state in state == .running ? .cancelRequested : .failed
            }
        }
    }

    /// Puts a failed job back into the queue under its own number; its earlier attempts and pictures are kept.
    package func retry(_ id: JobID, uid: UInt32) async throws(StoreError) -> WishResult {
        try await write { transaction in
            if let row = try transaction.row("SELECT * FROM jobs WHERE id = ? AND uid = ?", [id, uid]),
                let limit = try transaction.obstacle(toQueueing: try JobRow(row).request, uid: uid)
            {
                return .overLimit(limit)
            }
            return try transaction.grant(.retried, to: id, uid: uid) { _ in .retried }
        }
    }
}

extension Transaction {
    fileprivate func grant(
        _ event: Lifecycle.Event, to id: JobID, uid: UInt32, kind: (JobState) -> EventKind
    ) throws -> WishResult {
        guard let row = try row("SELECT * FROM jobs WHERE id = ? AND uid = ?", [id, uid]) else { return .noSuchJob }
        let before = try JobRow(row)
        if event == .canceled, case .running(_, cancelRequested: true) = before.lifecycle.state {
            // Asked for before: nothing to write.
            return try job(id, uid: uid).map(WishResult.granted) ?? .noSuchJob
        }
        switch try advance(before, event) {
        case .advanced(let state):
            try log(kind(state), job: id, uid: uid, state: state, actor: uid)
            return try job(id, uid: uid).map(WishResult.granted) ?? .noSuchJob
        case .forbidden:
            return try job(id, uid: uid).map(WishResult.forbidden) ?? .noSuchJob
        case .stale:
            throw StoreError.damaged("job \(id) changed while it was written")
        }
    }
}
