import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore
import Logging

extension Routes {
    /// `POST /v1/jobs/{id}/retry`: puts a failed job back into the queue under its own number.
    func retryJob(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let id = try call.jobID()
        switch try await store.retry(id, by: call.caller) {
        case .granted(let job):
            CrashPoint.retryCommitted.pass()
            userLog.log(.info, "A job was requeued.", of: call.caller.uid, ["job.id": "\(id)"])
            return try await response(with: job, to: call)
        case .forbidden(let job): throw Problem.cannot("retried", job)
        case .noSuchJob: throw Problem.noSuchJob
        case .overLimit(let reached): throw Problem.overLimit(reached, "Nothing was queued.")
        }
    }
}
