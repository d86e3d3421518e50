import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs`: the caller's jobs, newest first, in pages. With `?all=true` an administrator gets all users'
    /// jobs. Other users also get, on the first page, what they may know of others' jobs.
    func listJobs(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["state", "label", "before", "limit", "all"])
        let state: JobState? = query.choice("state")
        let label = query.text("label", maxBytes: Job.Bounds.labelBytes)
        let before = query.integer("before", in: 1 ... .max)
        let limit = query.integer("limit", in: Limits.jobsPerPage).map { Int($0) } ?? Limits.jobsPerPageByDefault
        let all = query.flag("all")
        try query.finish()

        return try await perUserLock.take(call.caller.uid) {
            let list = try await store.jobs(
                JobQuery(
                    state: state, label: label, before: before.map(JobID.init(rawValue:)), limit: limit,
                    textBytes: Limits.pageTextBytes, everybody: all),
                for: call.caller)
            await tellOwners(
                of: list.jobs.filter { $0.owner.uid != call.caller.uid }.map(\.id), .viewed, to: call.caller)
            return try Response(
                JobPage(
                    jobs: list.jobs.map { JobDocument($0) },
                    next: list.isCut ? list.jobs.last?.id.rawValue : nil,
                    others: all && before == nil ? try await others(call.caller, state: state, label: label) : nil))
        }
    }

    /// nil for an administrator, whose page has all users' jobs.
    private func others(_ caller: Caller, state: JobState?, label: String?) async throws -> [JobPage.Other]? {
        if caller.isAdministrator { return nil }
        // A user must not learn which of others' jobs have a label, nor which have ended.
        guard label == nil, state != .done, state != .failed else { return [] }
        return try await store.othersJobs(than: caller, state: state, limit: Limits.othersJobs).map(JobPage.Other.init)
    }
}
