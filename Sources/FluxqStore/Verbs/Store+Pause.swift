package import FluxqModel

extension Store {
    /// The result of a pause or resume by an administrator.
    package enum QueueChangeResult: Hashable, Sendable {
        case granted
        /// The queue was already in that state.
        case unchanged
        case notAllowed
    }

    /// Prevents new calls, across restarts, until an administrator resumes the queue. Calls in flight continue.
    package func pause(by caller: Caller) async throws(StoreError) -> QueueChangeResult {
        try await write { transaction in
            guard caller.isAdministrator else { return .notAllowed }
            let gate = try transaction.gate()
            // The user who paused first remains recorded.
            guard gate.pause == nil else { return .unchanged }
            try transaction.execute(
                "UPDATE queue SET paused_at = ?, paused_by = ?", [transaction.now, caller.uid])
            try transaction.remember(caller.user)
            try transaction.logQueue(.paused, actor: caller.uid)
            return .granted
        }
    }

    /// Allows calls again. If the API could not be used, a probe is made immediately.
    package func resume(by caller: Caller) async throws(StoreError) -> QueueChangeResult {
        try await write { transaction in
            guard caller.isAdministrator else { return .notAllowed }
            let wasPaused = try transaction.gate().pause != nil
            if wasPaused { try transaction.execute("UPDATE queue SET paused_at = NULL, paused_by = NULL") }
            let areOpened = try transaction.resumeLanes()
            guard wasPaused || areOpened else { return .unchanged }
            try transaction.remember(caller.user)
            try transaction.logQueue(.resumed, actor: caller.uid)
            transaction.wakeCalls()
            return .granted
        }
    }
}

extension Transaction {
    /// Ends the rate limits of all lanes, and makes every hold probe immediately.
    ///
    /// - Returns: true if there was a hold or a rate limit.
    fileprivate func resumeLanes() throws -> Bool {
        var wasAny = false
        let lanes = try db.rows(
            "SELECT endpoint, model FROM lanes WHERE held_cause IS NOT NULL OR rate_limited_until IS NOT NULL"
        ).map(Lane.init)
        for lane in lanes {
            let before = try gate(of: lane)
            var gate = before
            gate.resume(at: now)
            guard gate != before else { continue }
            wasAny = true
            try write(gate, of: lane)
            // Jobs whose calls closed the lane wait until it would have opened by itself; without them there may be no
            // job for a probe.
            guard let opening = before.opens(after: now) else { continue }
            let waiting = try db.rows(
                """
                SELECT id, uid FROM jobs
                WHERE after_backoff = 1 AND endpoint = ? AND model = ? AND not_before >= ?
                """, [lane.endpoint, lane.model, opening])
            for row in waiting {
                try execute("UPDATE jobs SET not_before = NULL, after_backoff = 0 WHERE id = ?", [row["id"] as JobID])
                memory.touch(lane, row["uid"])
            }
        }
        return wasAny
    }
}
