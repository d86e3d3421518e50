import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs`: the caller's jobs, newest first, a page at a time.
    func listJobs(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["state", "label", "before", "limit"])
        let state: JobState? = query.choice("state")
        let label = query.text("label", maxBytes: Job.Bounds.labelBytes)
        let before = query.integer("before", in: 1 ... .max)
        let limit = query.integer("limit", in: Limits.jobsPerPage).map { Int($0) } ?? Limits.jobsPerPageByDefault
        try query.finish()

        // One more than the page, to know whether there is another.
        let jobs = try await store.jobs(
            JobQuery(state: state, label: label, before: before.map(JobID.init(rawValue:)), limit: limit + 1),
            uid: call.caller.uid)
        let page = jobs.prefix(limit)
        return try Response(
            JobPage(
                jobs: page.map { JobDocument($0) },
                next: jobs.count > limit ? page.last?.id.rawValue : nil))
    }
}
