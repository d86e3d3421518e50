import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/queue`: the state of the queue, and the caller's part in it.
    func getQueue(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        return try await perUserLock.take(call.caller.uid) {
            var document = QueueDocument(try await store.queue(of: call.caller.user), for: call.caller)
            if call.caller.isAdministrator {
                let warnings = try await settings.warnings + store.heldUsers().map(\.warning)
                document.warnings = warnings.isEmpty ? nil : warnings
            }
            return try Response(document)
        }
    }
}
