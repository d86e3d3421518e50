/// Who asks something of fluxqd: what the kernel says of the connection, and what this host and the configuration make of
/// that. Nothing that a client sends is in here.
package struct Caller: Hashable, Sendable {
    package let uid: UInt32
    /// For people only; users are told apart by number.
    package let name: String
    /// The numbers of the groups that the host's user database puts the user in.
    package let groups: Set<UInt32>
    /// Sees and manages everything.
    package let isAdministrator: Bool

    package init(uid: UInt32, name: String, groups: Set<UInt32> = [], isAdministrator: Bool = false) {
        self.uid = uid
        self.name = name
        self.groups = groups
        self.isAdministrator = isAdministrator
    }

    /// Somebody who is no administrator.
    package init(_ owner: Owner) {
        self.init(uid: owner.uid, name: owner.name, groups: owner.groups ?? [])
    }

    /// Everybody is in some group: none at all is a lookup that failed, which says nothing.
    package var owner: Owner { Owner(uid: uid, name: name, groups: groups.isEmpty ? nil : groups) }
}
