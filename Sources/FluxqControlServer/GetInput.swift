import FluxqControl
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs/{id}/input`: the bytes of the picture that the job edits.
    func getInput(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let id = try call.jobID()
        if let picture = try await store.input(of: id, uid: call.peer.uid) {
            guard let response = try await response(with: picture, to: call) else { throw Problem.inputDamaged }
            return response
        }
        guard try await store.job(id, uid: call.peer.uid) != nil else { throw Problem.noSuchJob }
        throw Problem.noInputOfJob
    }
}
