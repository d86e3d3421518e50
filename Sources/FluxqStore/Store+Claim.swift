package import FluxqModel
import GRDB

/// The right to make one call: the intent is on the disk.
package struct Claim: Hashable, Sendable {
    package let job: JobID
    package let uid: UInt32
    /// The fence: every later write of this call carries it.
    package let attempt: Int
    package let request: EditRequest
    /// Of the request's picture, where that is in the archive.
    package let inputMediaType: String?
    package let begunAt: Timestamp

    package init(
        job: JobID, uid: UInt32, attempt: Int, request: EditRequest, inputMediaType: String?, begunAt: Timestamp
    ) {
        self.job = job
        self.uid = uid
        self.attempt = attempt
        self.request = request
        self.inputMediaType = inputMediaType
        self.begunAt = begunAt
    }
}

extension Store {
    package enum ClaimResult: Hashable, Sendable {
        case claimed(Claim)
        /// Nothing may be called now. `until`: when that changes by itself; nil where only a change of the store can.
        case nothing(until: Timestamp?)
    }

    /// Takes the next job that may be called and commits the intent to call it.
    package func claim() async throws(StoreError) -> ClaimResult {
        try await write { transaction in try transaction.claim() }
    }
}

extension Transaction {
    fileprivate func claim() throws -> Store.ClaimResult {
        let calling =
            try value(Int.self, "SELECT count(*) FROM jobs WHERE state = 'running' AND phase = 'calling'") ?? 0
        let gate = try gate()
        if case .closed(let until) = gate.admission(at: now, calling: calling) { return .nothing(until: until) }

        // Jobs whose time has come join the ready ones at their number's place.
        try execute(
            """
            UPDATE jobs SET not_before = NULL, after_backoff = 0 WHERE id IN (
                SELECT id FROM jobs WHERE state = 'queued' AND not_before IS NOT NULL AND not_before <= ?
                ORDER BY not_before LIMIT 100)
            """, [now])
        // The oldest job says whose turn it is; priorities count among that owner's own jobs alone.
        guard
            let row = try row(
                """
                SELECT * FROM jobs WHERE state = 'queued' AND not_before IS NULL AND uid =
                    (SELECT uid FROM jobs WHERE state = 'queued' AND not_before IS NULL ORDER BY id LIMIT 1)
                ORDER BY priority DESC, id LIMIT 1
                """)
        else {
            let sql = "SELECT min(not_before) FROM jobs WHERE state = 'queued' AND not_before IS NOT NULL"
            return .nothing(until: try value(Timestamp.self, sql))
        }
        let job = try JobRow(row)
        guard case .advanced = try advance(job, .claimed) else {
            throw StoreError.damaged("job \(job.id) is queued and cannot be claimed")
        }
        try log(.claimed, job: job.id, uid: job.uid, state: .running)
        let mediaType = try job.input.flatMap { hash in
            try value(String.self, "SELECT media_type FROM inputs WHERE uid = ? AND hash = ?", [job.uid, hash])
        }
        return .claimed(
            Claim(
                job: job.id, uid: job.uid, attempt: job.lifecycle.attempt + 1, request: job.request,
                inputMediaType: mediaType, begunAt: now))
    }
}
