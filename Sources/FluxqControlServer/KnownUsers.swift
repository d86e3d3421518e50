import FluxqUsers
import NIOPosix

/// Users' names and groups by number, remembered for a while: a lookup may ask a server far away.
actor KnownUsers {
    struct Entry: Hashable, Sendable {
        /// The number, where the database has no name for it.
        var name: String
        var groups: Set<UInt32>
    }

    private static let lifetime = Duration.seconds(60)
    /// After a lookup that failed: until then the user is a number without groups.
    private static let failureLifetime = Duration.seconds(5)
    private static let capacity = 1024

    private var known: [UInt32: (entry: Entry, until: ContinuousClock.Instant)] = [:]

    func entry(of uid: UInt32) async -> Entry {
        let now = ContinuousClock.now
        if let (entry, until) = known[uid], now < until { return entry }
        var entry = Entry(name: String(uid), groups: [])
        var lifetime = Self.lifetime
        do {
            if let user = try await NIOThreadPool.singleton.runIfActive({ try Self.lookUp(uid) }) { entry = user }
        } catch is UserDatabase.Failure {
            lifetime = Self.failureLifetime
        } catch {
            // The connection is being broken off; what is said about it matters to nobody.
            return entry
        }
        if known.count >= Self.capacity { known.removeAll() }
        known[uid] = (entry, now + lifetime)
        return entry
    }

    /// Makes the next lookup ask the database again.
    func forget() {
        known.removeAll()
    }

    /// Blocks. The groups are those of the database and not the process's own, which a program with a set-group bit may
    /// have been given without its user being in the group.
    private static func lookUp(_ uid: UInt32) throws(UserDatabase.Failure) -> Entry? {
        guard let user = try UserDatabase.user(uid: uid) else { return nil }
        return Entry(name: user.name, groups: UserDatabase.groups(of: user))
    }
}
