import FluxqUsers

/// Users' names and groups by number, remembered for a while: a lookup may ask a server far away.
package actor KnownUsers {
    package struct Entry: Hashable, Sendable {
        /// The number, where the database has no name for it.
        package var name: String
        package var groups: Set<UInt32>

        package init(name: String, groups: Set<UInt32>) {
            self.name = name
            self.groups = groups
        }
    }

    private static let lifetime = Duration.seconds(60)
    /// After a lookup that failed: until then the user is a number without groups.
    private static let failureLifetime = Duration.seconds(5)
    private static let capacity = 1024

    private let lookUp: @Sendable (UInt32) throws -> Entry?
    private var known: [UInt32: (entry: Entry, until: ContinuousClock.Instant)] = [:]
    /// Lookups under way: whoever asks for the same user meanwhile waits for the same answer.
    private var asked: [UInt32: Task<(entry: Entry, lifetime: Duration), Never>] = [:]

    /// - Parameter lookUp: nil where nobody has the number. It may block, for however long; each runs on a thread of its own.
    package init(lookUp: @escaping @Sendable (UInt32) throws -> Entry? = KnownUsers.systemEntry) {
        self.lookUp = lookUp
    }

    func entry(of uid: UInt32) async -> Entry {
        if let (entry, until) = known[uid], ContinuousClock.now < until { return entry }
        if let task = asked[uid] { return await task.value.entry }
        let task = Task { [lookUp] () -> (entry: Entry, lifetime: Duration) in
            do {
                let found = try await LookupThread.run { try lookUp(uid) }
                return (found ?? Entry(name: String(uid), groups: []), Self.lifetime)
            } catch {
                return (Entry(name: String(uid), groups: []), Self.failureLifetime)
            }
        }
        asked[uid] = task
        let (entry, lifetime) = await task.value
        // Asked for again after `forget`: the newer answer is the one to remember.
        if asked[uid] == task {
            asked[uid] = nil
            if known.count >= Self.capacity { known.removeAll() }
            known[uid] = (entry, ContinuousClock.now + lifetime)
        }
        return entry
    }

    /// Makes the next lookup ask the database again.
    func forget() {
        known.removeAll()
        asked.removeAll()
    }

    /// Blocks. The groups are those of the database and not the process's own, which a program with a set-group bit may
    /// have been given without its user being in the group.
    package static let systemEntry: @Sendable (UInt32) throws -> Entry? = { uid in
        guard let user = try UserDatabase.user(uid: uid) else { return nil }
        return Entry(name: user.name, groups: UserDatabase.groups(of: user))
    }
}
