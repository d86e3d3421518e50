import FluxqHost
import FluxqModel
import FluxqStore
import Logging
import ServiceLifecycle

/// Looks up, once after a start, the names and groups of users with jobs that may run before their next visit. Their
/// uids may belong to other people by now, and limit exceptions may apply to them. If a lookup fails, or until the user
/// database answers, the known values stay.
struct GroupRefresh: Service {
    let store: Store
    let logger: Logger
    /// nil if no user has that uid. May block for any time.
    var lookUp: @Sendable (UInt32) throws -> (name: String, groups: Set<UInt32>)? = { uid in
        try UserDatabase.user(uid: uid).map { ($0.name, UserDatabase.groups(of: $0)) }
    }

    func run() async throws {
        // A lookup that hangs does not delay the shutdown: nothing waits for its thread.
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
                    try await store.recordOwner(User(uid: owner.uid, name: found.name, groups: found.groups))
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
