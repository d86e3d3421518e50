import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/jobs/{id}/calls`: the job's calls, newest first, in pages; the job's document has only the latest.
    func listCalls(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["before", "limit"])
        let before = query.integer("before", in: 1 ... .max)
        let limit = query.integer("limit", in: 1...Int64(CallPage.mostCalls)) ?? Int64(CallPage.mostCalls)
        try query.finish()
        let id = try call.jobID()
        return try await perUserLock.take(call.caller.uid) {
            let found = try await store.calls(
                of: id, before: before.map { Int(clamping: $0) }, limit: Int(limit), for: call.caller)
            guard let calls = found else { throw Problem.noSuchJob }
            await tellOwners(of: [id], .viewed, to: call.caller)
            // Calls are numbered from 1 without gaps.
            let next = calls.last.flatMap { $0.number > 1 ? $0.number : nil }
            return try Response(CallPage(calls: calls.map(JobDocument.LedgerDocument.init), next: next))
        }
    }
}
