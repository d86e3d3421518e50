package import FluxqModel

/// What becomes of calls that were in flight when a process ended.
extension Store {
    /// Ends every call that a dead process left in flight, with an unknown outcome.
    /// To be called once at start, before the first claim. Jobs that were `archiving` continue where they stopped.
    ///
    /// In a database that was restored from a backup, what was queued has an unknown outcome too.
    ///
    /// - Parameter answered: calls whose answers had been received; they stay open until `takeBack`.
    /// - Returns: the jobs whose outcome is unknown now.
    package func recover(keeping answered: Set<CallID> = []) async throws(StoreError) -> [JobID] {
        let isRestored = try await beginRestore()
        let interrupted = try await write { transaction in
            let rows = try transaction.db.rows("SELECT \(JobRow.columns) FROM jobs WHERE phase = 'calling' ORDER BY id")
            let interrupted = try rows.map(JobRow.init).filter {
                !answered.contains(CallID(job: $0.id, attempt: $0.lifecycle.attempt))
            }
            let report = CallReport(outcome: .unknown(.init(message: .code(.stoppedWhileWaiting))))
            // What a dead process left says nothing about the API.
            try transaction.forgetCallsInFlight()
            for job in interrupted {
                let advance = try transaction.end(job, with: report)
                guard case .advanced = advance else { throw StoreError.damaged("job \(job.id) cannot be recovered") }
                CrashPoint.interruptedCallEnded.pass()
            }
            transaction.wakeCalls()
            return interrupted.map(\.id)
        }
        guard isRestored else { return interrupted }
        return interrupted + (try await holdBackRestored())
    }

    /// Whether the call is open: its intent is on the disk, and its end is not.
    package func isCalling(_ call: CallID) async throws(StoreError) -> Bool {
        try await read { db, _ in
            let row = try db.row(
                "SELECT 1 FROM jobs WHERE id = ? AND phase = 'calling' AND attempt = ?", [call.job, call.attempt])
            return row != nil
        }
    }

    /// Commits an answer that a dead process had received. It is too old to say anything about the queue.
    ///
    /// - Returns: `.stale` where the call is not open any more.
    package func takeBack(
        _ report: CallReport, of call: CallID, pictures: [NewPicture]
    ) async throws(StoreError) -> Advance {
        try await write { transaction in
            guard let row = try transaction.callingJob(call) else { return .stale }
            transaction.wakeCalls()
            return try transaction.end(try JobRow(row), with: report, pictures: pictures)
        }
    }
}
