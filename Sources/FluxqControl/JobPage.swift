/// The answer of `GET /v1/jobs`: newest first.
package struct JobPage: Hashable, Sendable, Codable {
    /// Jobs of one page at most; fewer where their prompts are long.
    package static let mostJobs = 100

    package var jobs: [JobDocument]
    /// The `before` of the next page; absent on the last.
    package var next: Int64?

    /// With `?all=true` and not for administrators, whose `jobs` are everybody's: the jobs of others that run or wait, those
    /// that run first, then the line in its order.
    package var others: [Other]?

    /// What anybody may know of somebody else's job.
    package struct Other: Hashable, Sendable, Codable {
        package var owner: String
        package var uid: UInt32
        /// `queued` or `running`.
        package var state: String
        /// From 1, the next to be called; absent for a job that waits for something else than its turn.
        package var place: Int?

        package init(owner: String, uid: UInt32, state: String, place: Int?) {
            self.owner = owner
            self.uid = uid
            self.state = state
            self.place = place
        }
    }

    package init(jobs: [JobDocument], next: Int64?, others: [Other]? = nil) {
        self.jobs = jobs
        self.next = next
        self.others = others
    }
}
