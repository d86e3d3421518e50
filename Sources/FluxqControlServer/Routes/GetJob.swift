import FluxqControl
import FluxqModel
import FluxqStore
import HTTPTypes
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs/{id}`: the job; with `?wait=SECONDS`, once it is done or failed, or when the time is up.
    func getJob(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["wait"])
        let wait = query.integer("wait", in: Limits.waitSeconds) ?? 0
        try query.finish()
        let id = try call.jobID()
        let deadline = ContinuousClock.now + .seconds(wait)
        var caller = call.caller
        while true {
            let seen = store.signal.count
            var (response, isOver, owner) = try await perUserLock.take(caller.uid) {
                guard let job = try await store.job(id, for: caller) else { throw Problem.noSuchJob }
                let state = JobState(job.lifecycle.state)
                return (
                    try Response(JobDocument(job, for: caller)), state == .done || state == .failed, job.owner.uid
                )
            }
            if !isOver, wait > 0 {
                switch await change(of: [.job(id)], after: seen, until: deadline, call.connection) {
                // A user who has lost the right to see the job while waiting no longer sees it.
                case .changed:
                    caller = try await callers.caller(caller.uid, at: call.connection.entrance)
                    continue
                case .timeUp: break
                case .over:
                    // Closes the connection: the next request belongs to the next fluxqd.
                    response.headers[.connection] = "close"
                }
            }
            // Only now: a waiting administrator has not seen anything yet.
            if owner != caller.uid { await tellOwners(of: [id], .viewed, to: caller) }
            return response
        }
    }
}
