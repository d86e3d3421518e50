import FluxqModel
import Testing

@Suite("Limits of a user")
struct UserLimitsTests {
    private func exception(_ values: [LimitKind: Int64?], weight: Int? = nil) -> LimitRules.Exception {
        var exception = LimitRules.Exception()
        for (kind, value) in values { exception[kind] = value }
        exception.weight = weight
        return exception
    }

    @Test("a user's own exception overrides those of groups; of these the most generous applies, limit by limit")
    func rules() {
        var rules = LimitRules()
        rules.standard[.imagesPerDay] = 10
        rules.standard[.queuedJobs] = 5
        rules.groups = [
            1: exception([.imagesPerDay: 20, .queuedJobs: 1], weight: 3), 2: exception([.imagesPerDay: 50], weight: 2),
            3: exception([.imagesPerDay: Int64?.none]),
        ]
        rules.users = [1000: exception([.imagesPerDay: 2], weight: 1), 1001: exception([.queuedJobs: Int64?.none])]
        func limits(_ uid: UInt32, _ groups: [UInt32]) -> [Int64?] {
            let limits = rules.limits(uid: uid, groups: groups)
            return [limits[.imagesPerDay], limits[.queuedJobs], Int64(limits.weight)]
        }
        #expect(limits(7, []) == [10, 5, 1])
        #expect(limits(7, [9]) == [10, 5, 1])
        #expect(limits(7, [1]) == [20, 1, 3])
        #expect(limits(7, [2, 1]) == [50, 1, 3])
        #expect(limits(7, [1, 3]) == [nil, 1, 3])
        #expect(limits(1000, [1, 2, 3]) == [2, 1, 1])
        #expect(limits(1001, [1]) == [20, nil, 3])
    }

    /// Compares every small case of the limits of a day with counting by hand.
    @Test("a call is allowed exactly if the use plus the request is within the limit, for every kind")
    func exhaustive() {
        let now = Timestamp(secondsSinceEpoch: 1_750_000_000)
        for limit in Int64(0)...4 {
            for used in Int64(0)...4 {
                for images in 1...4 {
                    let tally = UserUse.Tally(images: used, spent: used)
                    let call = LimitedCall(images: images, price: 1)
                    let day = UserUse(today: tally, month: tally)
                    for kind in [LimitKind.imagesPerDay, .spendPerDay, .spendPerMonth] {
                        var limits = UserLimits()
                        limits[kind] = limit
                        let reached = limits.obstacle(to: call, use: day, now: now)
                        #expect((reached == nil) == (used + Int64(images) <= limit))
                        // A call that can never run gets no time; any other gets the end of its period.
                        let end = kind == .spendPerMonth ? UTCDay(now).firstOfNextMonth : UTCDay(now).next
                        #expect(reached.map { $0.freesAt == (Int64(images) <= limit ? end.start : nil) } ?? true)
                        #expect(
                            reached?.waiting ?? (kind == .imagesPerDay ? .userLimit : .budget)
                                == (kind == .imagesPerDay ? .userLimit : .budget))
                        #expect((limits.obstacle(toQueueing: call, use: day) == nil) == (Int64(images) <= limit))
                    }
                    for kind in [LimitKind.runningJobs, .queuedJobs, .archiveBytes] {
                        var limits = UserLimits()
                        limits[kind] = limit
                        let use = UserUse(queued: used, running: used, archiveBytes: used)
                        let (calls, queues) = (kind != .queuedJobs, kind != .runningJobs || limit == 0)
                        #expect((limits.obstacle(to: call, use: use, now: now) == nil) == (!calls || used < limit))
                        #expect((limits.obstacle(toQueueing: call, use: use) == nil) == (!queues || used < limit))
                    }
                    for kind in [LimitKind.unusedInputBytes, .archiveBytes, .inputBytes] {
                        var limits = UserLimits()
                        limits[kind] = limit
                        let use = UserUse(unusedInputBytes: used, archiveBytes: used)
                        let before = kind == .inputBytes ? 0 : used
                        #expect(
                            (limits.obstacle(toInput: Int64(images), use: use) == nil)
                                == (before + Int64(images) <= limit))
                    }
                }
            }
        }
    }

    @Test(
        "a retry is allowed like a new job, up to the day's limit; a limit of zero never renews"
    )
    func retries() {
        let now = Timestamp(secondsSinceEpoch: 1_750_000_000)
        let call = LimitedCall(images: 1, price: nil)
        for limit in Int64(0)...3 {
            for used in Int64(0)...4 {
                var limits = UserLimits()
                limits[.retriesPerDay] = limit
                let reached = limits.obstacle(toRetrying: call, use: UserUse(retriesToday: used), now: now)
                #expect((reached == nil) == (used < limit))
                #expect(reached.map { $0.freesAt == (limit > 0 ? UTCDay(now).next.start : nil) } ?? true)
                #expect(limits.obstacle(toQueueing: call, use: UserUse(retriesToday: used)) == nil)
                #expect(limits.obstacle(to: call, use: UserUse(retriesToday: used), now: now) == nil)
                // A limit that does not free by itself is reported first.
                limits[.keptBytes] = 0
                #expect(limits.obstacle(toRetrying: call, use: UserUse(), now: now)?.kind == .keptBytes)
            }
        }
    }

    @Test("calls in flight and calls that may have been billed count like billed ones")
    func reserved() {
        var limits = UserLimits()
        limits[.imagesPerDay] = 6
        let tally = UserUse.Tally(images: 1, reservedImages: 2, unknownImages: 2)
        let use = UserUse(today: tally, month: tally)
        let now = Timestamp(rawValue: 0)
        #expect(limits.obstacle(to: LimitedCall(images: 1, price: nil), use: use, now: now) == nil)
        #expect(limits.obstacle(to: LimitedCall(images: 2, price: nil), use: use, now: now)?.used == 5)
    }

    @Test("a model without a price does not bypass a limit of money")
    func unpriced() {
        var limits = UserLimits()
        limits[.spendPerMonth] = 1_000_000
        let call = LimitedCall(images: 1, price: nil)
        #expect(limits.obstacle(toQueueing: call, use: UserUse())?.isUnpriced == true)
        let reached = limits.obstacle(to: call, use: UserUse(), now: Timestamp(rawValue: 0))
        #expect(reached?.waiting == .budget && reached?.freesAt == nil)
    }
}
