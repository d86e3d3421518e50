import Glibc

/// Who sees and manages everything: root, the user that fluxqd runs as, and whom the configuration names.
package struct Administrators: Hashable, Sendable {
    private let users: Set<UInt32>
    private let group: UInt32?

    /// - Parameters:
    ///   - users: `access.admins`, besides root and this process's own user.
    ///   - group: the number of `access.admin_group`.
    package init(users: Set<UInt32> = [], group: UInt32? = nil) {
        self.init(only: users.union([0, geteuid()]), group: group)
    }

    /// For tests, whose own user is somebody like everybody else.
    init(only users: Set<UInt32>, group: UInt32? = nil) {
        self.users = users
        self.group = group
    }

    /// - Parameter groups: those that the host's user database puts the user in.
    func contains(uid: UInt32, groups: Set<UInt32>) -> Bool {
        names(uid) || group.map(groups.contains) == true
    }

    /// Whether the user is one by number, whatever groups the user is in.
    func names(_ uid: UInt32) -> Bool { users.contains(uid) }
}
