import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/usage`: the caller's usage and limits; with `?all=true` those of all users, for administrators.
    func getUsage(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["all"])
        let all = query.flag("all")
        try query.finish()
        if all, !call.caller.isAdministrator { throw Problem.administratorsOnly }
        return try await perUserLock.take(call.caller.uid) {
            all
                ? try Response(UsageList(users: try await store.usageOfAll().map(UsageDocument.init)))
                : try Response(UsageDocument(try await store.usage(of: call.caller.user)))
        }
    }
}
