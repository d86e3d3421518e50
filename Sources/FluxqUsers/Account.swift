import Glibc

/// What this host knows of a uid.
package enum Account: Hashable, Sendable {
    case user(UserDatabase.User, groups: Set<UInt32>)
    /// The user database has nobody with that number.
    case unknown
    /// One of the many uids that another user may take on in a user namespace.
    case subordinate(of: String)
    /// Of the range that systemd gives to services for as long as they run, and to the next service after that.
    case dynamic

    /// systemd's `DynamicUser=`; see "Users, Groups, UIDs and GIDs on systemd Systems". nss-systemd has names for them.
    private static let dynamicUIDs: ClosedRange<UInt32> = 61184...65519

    /// Told without a look into any database.
    package static func isDynamic(_ uid: UInt32) -> Bool {
        dynamicUIDs.contains(uid) && uid != geteuid()
    }

    /// Blocks, for as long as the user database does.
    package static func of(
        uid: UInt32, subordinates: SubordinateTable = .ofThisHost
    ) throws(UserDatabase.Failure) -> Account {
        // Root, and the user of this process, stand for nobody else.
        if uid == 0 || uid == geteuid() { return try entry(uid) }
        if isDynamic(uid) { return .dynamic }
        // Before the entry, which most uids of such a range do not have: to look for it may mean to ask a server far away.
        for owner in try subordinates.current().owners(of: uid)
        where try UserDatabase.user(named: owner)?.uid != uid {
            return .subordinate(of: owner)
        }
        return try entry(uid)
    }

    private static func entry(_ uid: UInt32) throws(UserDatabase.Failure) -> Account {
        // The groups are those of the database and not a process's own, which a program with a set-group bit may have been
        // given without its user being in the group.
        try UserDatabase.user(uid: uid).map { .user($0, groups: UserDatabase.groups(of: $0)) } ?? .unknown
    }
}
