import Glibc

/// The users who see and manage everything: root, the user that fluxqd runs as, and the users that the configuration
/// names.
package struct Administrators: Hashable, Sendable {
    private let users: Set<UInt32>
    private let group: UInt32?

    /// - Parameters:
    ///   - users: `access.admins`; root and this process's own user are added.
    ///   - group: the gid of `access.admin_group`.
    package init(users: Set<UInt32> = [], group: UInt32? = nil) {
        self.init(only: users.union([0, geteuid()]), group: group)
    }

    /// For tests, in which this process's own user is an ordinary user.
    init(only users: Set<UInt32>, group: UInt32? = nil) {
        self.users = users
        self.group = group
    }

    /// - Parameter groups: the user's groups in the host's user database.
    func contains(uid: UInt32, groups: Set<UInt32>) -> Bool {
        names(uid) || group.map(groups.contains) == true
    }

    /// True if the uid itself is listed, whatever the user's groups are.
    func names(_ uid: UInt32) -> Bool { users.contains(uid) }
}
