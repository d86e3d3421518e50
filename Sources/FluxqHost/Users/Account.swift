import Glibc

/// This host's knowledge of a uid.
package enum Account: Hashable, Sendable {
    case user(UserDatabase.Entry, groups: Set<UInt32>)
    /// The user database has no user with that uid.
    case unknown
    /// One of the many subordinate uids that another user may use in a user namespace.
    case subordinate(of: String)
    /// A uid of the range that systemd assigns to running services, and reuses for later ones.
    case dynamic

    /// systemd's `DynamicUser=`; see "Users, Groups, UIDs and GIDs on systemd Systems". nss-systemd has names for them.
    private static let dynamicUIDs: ClosedRange<UInt32> = 61184...65519

    /// Needs no database lookup.
    package static func isDynamic(_ uid: UInt32) -> Bool {
        dynamicUIDs.contains(uid) && uid != geteuid()
    }

    /// Blocks as long as the user database does.
    package static func of(
        uid: UInt32, subordinates: SubordinateTable = .ofThisHost
    ) throws(UserDatabase.Failure) -> Account {
        // Root and this process's own user are never subordinate uids of another user.
        if uid == 0 || uid == geteuid() { return try entry(uid) }
        if isDynamic(uid) { return .dynamic }
        // Before the lookup of the entry, which most subordinate uids do not have: that lookup may ask a remote server.
        for owner in try subordinates.current().owners(of: uid)
        where try UserDatabase.user(named: owner)?.uid != uid {
            return .subordinate(of: owner)
        }
        return try entry(uid)
    }

    private static func entry(_ uid: UInt32) throws(UserDatabase.Failure) -> Account {
        // The groups come from the database. The process's own groups would not do: a set-gid program has a group of
        // which its user is not a member.
        try UserDatabase.user(uid: uid).map { .user($0, groups: UserDatabase.groups(of: $0)) } ?? .unknown
    }
}
