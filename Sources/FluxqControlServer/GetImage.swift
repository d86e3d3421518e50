import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs/{id}/images/{index}`: a picture's bytes, exactly as they were received.
    func getImage(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let id = try call.jobID()
        let text = call.parameters["index"] ?? ""
        if let index = Int(text), index > 0, String(index) == text,
            let picture = try await store.picture(of: id, index: index, for: call.caller)
        {
            return try await response(with: picture, to: call)
        }
        guard try await store.job(id, for: call.caller) != nil else { throw Problem.noSuchJob }
        throw Problem.noSuchImage
    }
}
