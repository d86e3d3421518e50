/// The user who makes a request: the kernel's information about the connection, and the rights from this host's user
/// database and the configuration. It contains nothing that the client sends.
package struct Caller: Hashable, Sendable {
    package let uid: UInt32
    /// For people only; users are identified by uid.
    package let name: String
    /// The ids of the user's groups in the host's user database.
    package let groups: Set<UInt32>
    /// True if the user may see and manage everything.
    package let isAdministrator: Bool

    package init(uid: UInt32, name: String, groups: Set<UInt32> = [], isAdministrator: Bool = false) {
        self.uid = uid
        self.name = name
        self.groups = groups
        self.isAdministrator = isAdministrator
    }

    /// Creates a caller who is no administrator.
    package init(_ owner: Owner) {
        self.init(uid: owner.uid, name: owner.name, groups: owner.groups ?? [])
    }

    /// Every user has a group, so an empty set means a failed lookup and is ignored.
    package var owner: Owner { Owner(uid: uid, name: name, groups: groups.isEmpty ? nil : groups) }
}
