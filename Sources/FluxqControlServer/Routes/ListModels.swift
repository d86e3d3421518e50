import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/models`: the available models, with fields and prices. The same for all users.
    func listModels(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let settings = settings
        return try await perUserLock.take(call.caller.uid) {
            try Response(ModelList(settings.catalog, prices: settings.prices))
        }
    }
}
