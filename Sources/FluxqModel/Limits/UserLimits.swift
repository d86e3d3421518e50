/// The maximum use of one user, and the user's share of the calls.
package struct UserLimits: Hashable, Sendable {
    /// A missing kind has no limit.
    private var most: [LimitKind: Int64] = [:]
    /// Waiting users get calls in proportion to their weights.
    package var weight = 1

    package static let weights = 1...1000

    package init() {}

    /// True if nothing is limited.
    package var areNone: Bool { most.isEmpty }

    /// True if one of the limits can block a call.
    package var concernCalls: Bool { most.keys.contains(where: \.concernsCalls) }

    /// The limit in the kind's unit: a count, bytes, or millionths of the currency. nil is no limit.
    package subscript(_ kind: LimitKind) -> Int64? {
        get { most[kind] }
        set { most[kind] = newValue }
    }
}

/// Limits by user: the standard limits, and exceptions.
package struct LimitRules: Hashable, Sendable {
    /// The limits of an exception; for a kind that it does not name, the standard limit applies.
    package struct Exception: Hashable, Sendable {
        fileprivate var most: [LimitKind: Int64?] = [:]
        package var weight: Int?

        package init() {}

        /// nil if the exception does not name the kind; `.some(nil)` removes the limit.
        package subscript(_ kind: LimitKind) -> Int64?? {
            get { most[kind] }
            set { most[kind] = newValue }
        }
    }

    package var standard = UserLimits()
    /// Exceptions by uid.
    package var users: [UInt32: Exception] = [:]
    /// Exceptions by group id.
    package var groups: [UInt32: Exception] = [:]

    package init() {}

    /// The user's own exception overrides those of groups; of several groups the most generous applies, for each limit
    /// separately.
    package func limits(uid: UInt32, groups memberships: some Sequence<UInt32>) -> UserLimits {
        let own = users[uid]
        let shared = groups.isEmpty ? [] : memberships.compactMap { groups[$0] }
        guard own != nil || !shared.isEmpty else { return standard }
        var limits = standard
        for kind in Set(shared.flatMap(\.most.keys)) {
            let ofGroups = shared.compactMap { $0[kind] }
            limits[kind] = ofGroups.contains(nil) ? nil : ofGroups.compactMap(\.self).max()
        }
        for (kind, mine) in own?.most ?? [:] { limits[kind] = mine }
        limits.weight =
            own?.weight ?? shared.compactMap(\.weight).max() ?? standard.weight
        return limits
    }
}
