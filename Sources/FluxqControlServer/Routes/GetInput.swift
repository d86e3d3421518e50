import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs/{id}/input`: the bytes of the picture that the job edits.
    func getInput(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let id = try call.jobID()
        let picture = try await perUserLock.take(call.caller.uid) {
            if let picture = try await store.input(of: id, for: call.caller) { return ReadableContent(picture) }
            guard try await store.job(id, for: call.caller) != nil else { throw Problem.noSuchJob }
            throw Problem.noInputOfJob
        }
        guard let response = try await response(with: picture, to: call) else { throw Problem.inputDamaged }
        await tellOwners(of: [id], .fetched, to: call.caller)
        return response
    }
}
