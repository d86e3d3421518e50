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
            let picture = try await perUserLock.take(
                call.caller.uid, { try await store.picture(of: id, index: index, for: call.caller) }),
            let response = try await response(with: picture, to: call)
        {
            await tellOwners(of: [id], .fetched, to: call.caller)
            return response
        }
        let found = try await perUserLock.take(call.caller.uid) { try await store.job(id, for: call.caller) }
        guard let job = found else { throw Problem.noSuchJob }
        if let picture = job.pictures.first(where: { String($0.index) == text }),
            let damaged = JobDocument.DamagedDocument(picture)
        {
            throw Problem(damaged)
        }
        throw Problem.noSuchImage
    }
}
