import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore
import Logging

extension Routes {
    /// `POST /v1/users/{uid}/renamed`: a blocked uid belongs to the same person under a new name.
    func renameUser(_ call: Call) async throws -> Response { try await settle(call, .renamed) }

    /// `POST /v1/users/{uid}/replaced`: it belongs to another person. The earlier person's data moves to another uid.
    func replaceUser(_ call: Call) async throws -> Response { try await settle(call, .replaced) }

    /// - Returns: the queue, with the uids that are still blocked.
    private func settle(_ call: Call, _ verdict: Store.Verdict) async throws -> Response {
        try call.takesNoQuery()
        guard let text = call.parameters["uid"], let uid = UInt32(text), String(uid) == text else {
            throw Problem.noSuchRoute
        }
        switch try await store.settle(uid, verdict, by: call.caller) {
        case .settled:
            logger.notice(
                "An administrator decided whose a uid is.",
                metadata: ["uid": "\(uid)", "verdict": "\(verdict.rawValue)", "by": "\(call.caller.uid)"])
        case .notHeld: throw Problem.notHeld(uid)
        case .running: throw Problem.stillRunning(uid)
        case .notAllowed: throw Problem.administratorsOnly
        }
        return try await getQueue(call)
    }
}
