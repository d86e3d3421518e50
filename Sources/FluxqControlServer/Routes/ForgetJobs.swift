import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import FoundationEssentials
import HummingbirdCore
import Logging
import NIOCore

extension Routes {
    /// `POST /v1/jobs/forget`: deletes the caller's own ended jobs, or shows what would be deleted.
    func forgetJobs(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let request = try await forgetRequest(call)
        let uid = call.caller.uid
        let now = store.clock()
        let before = min(request.before?.timestamp ?? now, now)
        let query = ForgetQuery(
            ids: request.ids.map { $0.map(JobID.init(rawValue:)) }, label: request.label,
            state: request.state.flatMap(JobState.init(rawValue:)), endedBefore: before)
        // Finds the jobs that stay before the others are deleted.
        let preview = try await perUserLock.take(uid) { try await store.previewForgetting(query, of: uid) }
        var document = ForgetDocument(preview, before: before)
        if request.preview != true {
            let (sum, isMore) = try await store.forget(query, of: uid, by: uid, limit: Limits.forgottenAtOnce)
            document.set(sum)
            document.more = isMore
            if sum.jobs > 0 { userLog.log(.info, "Jobs were forgotten.", of: uid, ["jobs": "\(sum.jobs)"]) }
        }
        return try Response(document)
    }

    /// Rejects unknown keys: ignoring a misspelt filter would delete more than was meant.
    private func forgetRequest(_ call: Call) async throws -> ForgetRequest {
        guard call.isJSON else {
            throw Problem.notForgetRequest(
                "is not application/json (curl: --json)", status: 415, code: .unsupportedMediaType)
        }
        var bytes: [UInt8] = []
        while let piece = try await call.body.piece() {
            bytes += piece.readableBytesView
            guard bytes.count <= Limits.forgetRequestBytes else {
                throw Problem.notForgetRequest(
                    "has more than \(Limits.forgetRequestBytes) bytes", status: 413, code: .tooLarge)
            }
        }
        guard JSONBounds.hold(for: bytes, values: ForgetRequest.mostJobs + 20),
            case .object(let members) = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)),
            let request = try? JSONDecoder().decode(ForgetRequest.self, from: Data(bytes))
        else { throw Problem.notForgetRequest("is not such an object") }
        if let unknown = members.keys.filter({ ForgetRequest.CodingKeys(rawValue: $0) == nil }).min() {
            throw Problem.notForgetRequest("has the key \"\(unknown.prefix(40))\", which is unknown")
        }
        if let ids = request.ids, ids.count > ForgetRequest.mostJobs || ids.contains(where: { $0 < 1 }) {
            throw Problem.notForgetRequest("has ids that are not at most \(ForgetRequest.mostJobs) job numbers")
        }
        if let state = request.state, state != JobState.done.rawValue, state != JobState.failed.rawValue {
            throw Problem.notForgetRequest("has a state that is not done or failed: only ended jobs are forgotten")
        }
        guard request.ids != nil || request.label != nil || request.state != nil || request.before != nil else {
            throw Problem.notForgetRequest("selects no jobs")
        }
        return request
    }
}
