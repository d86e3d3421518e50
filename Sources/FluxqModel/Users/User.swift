/// A user of fluxq, as an owner of jobs and as the person behind a `Caller`.
package struct User: Hashable, Sendable {
    /// Stand-ins for the uids of owners whose own uid now belongs to another user. No user of any host has one of them, and
    /// fluxqd refuses a client that connects with one.
    package static let numbersOfNobody: ClosedRange<UInt32> = 4_294_900_000...4_294_967_293

    package let uid: UInt32
    /// For people only; users are identified by uid.
    package let name: String
    /// The gids of the user's groups, as last looked up; nil if they are not known.
    package let groups: Set<UInt32>?

    package init(uid: UInt32, name: String, groups: Set<UInt32>? = nil) {
        self.uid = uid
        self.name = name
        self.groups = groups
    }
}
