import FluxqModel
import FluxqStore
import FluxqUsers
import Logging
import ServiceLifecycle

/// Looks up, once after a start, the names and groups of users whose jobs run without a visit of theirs: their
/// numbers may
/// be other people's by now, and exceptions of limits may hold for them. One that cannot be looked up keeps what was known, and so does everybody until the user database answers.
struct GroupRefresh: Service {
    let store: Store
    let logger: Logger
    /// nil if nobody has that number. It may block, for however long.
    var lookUp: @Sendable (UInt32) throws -> (name: String, groups: Set<UInt32>)? = { uid in
        try UserDatabase.user(uid: uid).map { ($0.name, UserDatabase.groups(of: $0)) }
    }

    func run() async throws {
        // A lookup that hangs keeps nothing from ending: nobody waits for its thread.
        let refresh = Task { await self.refresh() }
        try await gracefulShutdown()
        refresh.cancel()
    }

    func refresh() async {
        do {
            for owner in try await store.ownersWithWork() where !Task.isCancelled {
                do {
                    guard let found = try await LookupThread.run({ [lookUp] in try lookUp(owner.uid) }) else {
                        continue
                    }
                    guard try await store.recognize(owner.uid, as: found.name) == nil else { continue }
                    try await store.recordOwner(Owner(uid: owner.uid, name: found.name, groups: found.groups))
                } catch {
                    warn(error)
                }
            }
        } catch {
            warn(error)
        }
    }

    private func warn(_ error: any Error) {
        logger.warning(
            "The groups of users could not be looked up; their limits stay unchanged.",
            metadata: ["error": "\(error)"])
    }
}
