/// What one user may use at most, and the user's share of the calls.
package struct UserLimits: Hashable, Sendable {
    /// A kind that is not in it has no limit.
    private var most: [LimitKind: Int64] = [:]
    /// Calls go to users who wait in proportion to their weights.
    package var weight = 1

    package static let weights = 1...1000

    package init() {}

    /// Nothing is limited.
    package var areNone: Bool { most.isEmpty }

    /// One of them can keep a job from being called.
    package var concernCalls: Bool { most.keys.contains(where: \.concernsCalls) }

    /// In the kind's unit: a count, bytes, or millionths of the currency. nil is no limit.
    package subscript(_ kind: LimitKind) -> Int64? {
        get { most[kind] }
        set { most[kind] = newValue }
    }
}

/// Limits by user: what holds for everybody, and exceptions.
package struct LimitRules: Hashable, Sendable {
    /// What an exception says; about what it does not name, the rule for everybody holds.
    package struct Exception: Hashable, Sendable {
        fileprivate var most: [LimitKind: Int64?] = [:]
        package var weight: Int?

        package init() {}

        /// nil if the exception does not name the kind; `.some(nil)` lifts the limit.
        package subscript(_ kind: LimitKind) -> Int64?? {
            get { most[kind] }
            set { most[kind] = newValue }
        }
    }

    package var standard = UserLimits()
    /// By the user's number.
    package var users: [UInt32: Exception] = [:]
    /// By the number of a group of the system.
    package var groups: [UInt32: Exception] = [:]

    package init() {}

    /// The user's own exception beats those of groups; of several groups the most generous counts, each limit by itself.
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
