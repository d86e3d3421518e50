package import FluxqModel

/// The data of a job that any other user may see: its owner, whether it waits or runs, and its queue position.
package struct OthersJob: Hashable, Sendable {
    package let owner: User
    /// `queued` or `running`: ended jobs are visible only to their owners.
    package let state: JobState
    /// The queue position, 1 for the next to be called; nil for a job that is not in the line, or too far back to be
    /// counted.
    package let place: Int?
}

extension Store {
    /// Returns running and waiting jobs of other users: first those that run, then the line in its order, then the
    /// rest.
    ///
    /// - Parameters:
    ///   - state: nil for both.
    /// - limit: the maximum number of all jobs.
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

    /// It is read from the index of states, which contains only running and waiting jobs: ended jobs are never read.
    static func query(_ condition: String) -> String {
        """
        SELECT jobs.id, jobs.uid, jobs.state, owners.name FROM jobs JOIN owners USING (uid)
        WHERE \(condition) AND jobs.uid <> ? ORDER BY jobs.id LIMIT ?
        """
    }

    fileprivate init(_ row: Row, state: JobState, place: Int?) {
        self.init(owner: User(uid: row["uid"], name: row["name"]), state: state, place: place)
    }
}
