/// The sender of a request, as the kernel, the host's user database and the configuration identify it. Nothing in here comes
/// from the request.
package struct Caller: Hashable, Sendable {
    package let user: User
    /// True if the caller sees and manages everything.
    package let isAdministrator: Bool

    package init(_ user: User, isAdministrator: Bool = false) {
        self.user = user
        self.isAdministrator = isAdministrator
    }

    package init(uid: UInt32, name: String, groups: Set<UInt32>? = nil, isAdministrator: Bool = false) {
        self.init(User(uid: uid, name: name, groups: groups), isAdministrator: isAdministrator)
    }

    package var uid: UInt32 { user.uid }
    package var name: String { user.name }
}
