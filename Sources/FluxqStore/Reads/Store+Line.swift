package import FluxqModel

/// What anybody may know of a job that is somebody else's: whose it is, that it waits or runs, and where it stands.
package struct OthersJob: Hashable, Sendable {
    package let owner: Owner
    /// `queued` or `running`: what has ended is its owner's business alone.
    package let state: JobState
    /// From 1, the next to be called; nil for a job that is not in the line, or too far back to be counted.
    package let place: Int?
}

extension Store {
    /// Jobs of others than the caller that run or wait: those that run first, then the line in its order, then the rest.
    ///
    /// - Parameters:
    ///   - state: nil for both.
    ///   - limit: of all.
    package func othersJobs(
        than caller: Caller, state: JobState?, limit: Int
    ) async throws(StoreError) -> [OthersJob] {
        let policy = policy
        return try await read { [memory] db, now in
            func others(_ condition: String, _ arguments: Arguments) throws -> [Row] {
                try db.rows(OthersJob.query(condition), arguments + [caller.uid, limit])
            }
            var jobs: [OthersJob] = []
            if state != .queued {
                jobs += try others(OthersJob.runs, []).map { OthersJob($0, state: .running, place: nil) }
            }
            if state != .running {
                let reader = LimitsReader(db: db, policy: policy, now: now, memory: memory)
                let line = try policy.catalog.endpoints.flatMap { endpoint in
                    try QueueLine(reader, endpoint: endpoint.name).entries.enumerated()
                }.sorted { $0.offset < $1.offset }.map(\.element.job)
                for (index, id) in line.enumerated() where jobs.count < limit {
                    jobs += try others(OthersJob.isNumber, [id]).map { OthersJob($0, state: .queued, place: index + 1) }
                }
                let placed = Set(line)
                jobs += try others(OthersJob.waits, []).filter { !placed.contains($0["id"]) }
                    .map { OthersJob($0, state: .queued, place: nil) }
            }
            return Array(jobs.prefix(limit))
        }
    }
}

extension OthersJob {
    static let runs = "jobs.state = 'running'"
    static let waits = "jobs.state = 'queued'"
    static let isNumber = "jobs.id = ?"

    /// Read from the index of states, which has no more of them than run and wait: what has ended is never looked at.
    static func query(_ condition: String) -> String {
        """
        SELECT jobs.id, jobs.uid, jobs.state, owners.name FROM jobs JOIN owners USING (uid)
        WHERE \(condition) AND jobs.uid <> ? ORDER BY jobs.id LIMIT ?
        """
    }

    fileprivate init(_ row: Row, state: JobState, place: Int?) {
        self.init(owner: Owner(uid: row["uid"], name: row["name"]), state: state, place: place)
    }
}
