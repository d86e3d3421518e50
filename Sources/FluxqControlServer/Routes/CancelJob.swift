import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore
import Logging

extension Routes {
    /// `POST /v1/jobs/{id}/cancel`: a queued job fails immediately; a running one is marked, and its pictures are kept.
    func cancelJob(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let id = try call.jobID()
        switch try await store.cancel(id, by: call.caller) {
        case .granted(let job):
            CrashPoint.cancelCommitted.pass()
            userLog.log(.info, "A job was canceled.", of: call.caller.uid, ["job.id": "\(id)"])
            return try await response(with: job, to: call)
        case .forbidden(let job): throw Problem.cannot("canceled", job)
        case .noSuchJob: throw Problem.noSuchJob
        case .overLimit(let reached): throw Problem.overLimit(reached, "Nothing was queued.")
        }
    }
}
