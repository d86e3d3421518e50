import FluxqModel
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

    /// Nobody, for a way in where nobody has special rights.
    static let none = Administrators(only: [])

    /// Without root and this process's own user.
    init(only users: Set<UInt32>, group: UInt32? = nil) {
        self.users = users
        self.group = group
    }

    /// True if the user is listed, or in the group. A user whose groups are not known is not in it.
    func contains(_ user: User) -> Bool {
        names(user.uid) || group.map { user.groups?.contains($0) == true } == true
    }

    /// True if the uid itself is listed, whatever the user's groups are.
    func names(_ uid: UInt32) -> Bool { users.contains(uid) }
}
