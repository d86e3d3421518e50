import FluxqModel

/// Jobs that could be called if their lane were open.
extension Referee {
    /// Owners with such a job, by lane: the job is due, and no limit of its owner is reached.
    func ready(at now: Timestamp) throws -> [Lane: Set<UInt32>] {
        var ready: [Lane: Set<UInt32>] = [:]
        let due = try books.jobs().filter { $0.state == "queued" && ($0.notBefore.map { $0 <= now } ?? true) }
        for uid in Set(due.map(\.uid)) {
            let own = due.filter { $0.uid == uid }
            for (lane, jobs) in Dictionary(grouping: own, by: \.lane) {
                guard let first = self.first(of: jobs, uid: uid), try obstacle(to: first, at: now) == nil else {
                    continue
                }
                ready[lane, default: []].insert(uid)
            }
        }
        return ready
    }

    /// The number of further calls that each endpoint admits.
    var places: [String: Int] {
        Dictionary(
            uniqueKeysWithValues: users.scene.catalog.endpoints.map { endpoint in
                (endpoint.name, endpoint.concurrency - api.inFlight.count { $0.lane.endpoint == endpoint.name })
            })
    }
}
