import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore
import Logging

extension Routes {
    /// `POST /v1/queue/pause`: no new calls until the queue is resumed; calls in flight continue.
    func pauseQueue(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        return try await answer(call, try await store.pause(by: call.caller), "The queue was paused.")
    }

    /// `POST /v1/queue/resume`: ends a pause; if the API is unavailable, one call probes it immediately.
    func resumeQueue(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        return try await answer(call, try await store.resume(by: call.caller), "The queue was resumed.")
    }

    /// - Returns: the queue after the change.
    private func answer(_ call: Call, _ result: Store.QueueChangeResult, _ message: Logger.Message) async throws
        -> Response
    {
        switch result {
        case .granted: logger.notice(message, metadata: ["uid": "\(call.caller.uid)"])
        case .unchanged: break
        case .notAllowed: throw Problem.administratorsOnly
        }
        return try await getQueue(call)
    }
}
