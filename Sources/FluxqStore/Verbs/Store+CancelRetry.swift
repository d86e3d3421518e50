package import FluxqModel

/// The result of a cancel or retry, by the job's owner or an administrator.
package enum ChangeResult: Hashable, Sendable {
    /// The job after the change.
    case granted(Job)
    /// The job's state forbids it.
    case forbidden(Job)
    /// There is no such job, or it belongs to another user.
    case noSuchJob
    /// A limit of the owner prevents it from being queued again.
    case overLimit(LimitReached)
}

extension Store {
    /// Cancels a queued job. A running job is only marked: its pictures are still kept because they are paid for.
    package func cancel(_ id: JobID, by caller: Caller) async throws(StoreError) -> ChangeResult {
        try await write { transaction in
            guard let job = try transaction.wanted(id, by: caller) else { return .noSuchJob }
            if case .running(_, cancelRequested: true) = job.lifecycle.state {
                // It was requested before: nothing to write.
                return try transaction.job(id, for: caller).map(ChangeResult.granted) ?? .noSuchJob
            }
            let result = try transaction.grant(.canceled, to: job, by: caller) { state in
                state == .running ? .cancelRequested : .failed
            }
            guard case .running(.archiving, _) = job.lifecycle.state, try transaction.hurryDownloads(of: id) != nil
            else { return result }
            return try transaction.job(id, for: caller).map(ChangeResult.granted) ?? .noSuchJob
        }
    }

    /// Returns a failed job to the queue under its own number; its earlier attempts and pictures are kept.
    package func retry(_ id: JobID, by caller: Caller) async throws(StoreError) -> ChangeResult {
        try await write { transaction in
            guard let job = try transaction.wanted(id, by: caller) else { return .noSuchJob }
            // If the state forbids it, the limit does not matter.
            if case .failed = job.lifecycle.state, let limit = try transaction.obstacle(toRetrying: job) {
                return .overLimit(limit)
            }
            let result = try transaction.grant(.retried, to: job, by: caller) { _ in .retried }
            if case .granted = result {
                try transaction.countRetry(of: job.uid)
                try transaction.noteRetry(of: id)
            }
            return result
        }
    }
}

extension Transaction {
    /// nil if there is no such job, or it belongs to another user.
    fileprivate func wanted(_ id: JobID, by caller: Caller) throws -> JobRow? {
        try row("SELECT \(JobRow.columns) FROM jobs WHERE id = ? AND \(Caller.reach)", [id] + caller.reachArguments)
            .map(JobRow.init)
    }

    fileprivate func grant(
        _ event: Lifecycle.Event, to row: JobRow, by caller: Caller, kind: (JobState) -> EventKind
    ) throws -> ChangeResult {
        switch try advance(row, event) {
        case .advanced(let state):
            try log(kind(state), job: row.id, uid: row.uid, state: state, actor: caller.uid)
            return try job(row.id, for: caller).map(ChangeResult.granted) ?? .noSuchJob
        case .forbidden:
            return try job(row.id, for: caller).map(ChangeResult.forbidden) ?? .noSuchJob
        case .stale:
            throw StoreError.damaged("job \(row.id) changed while it was written")
        }
    }
}
