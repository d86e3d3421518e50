import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Limits")
struct LimitTests {
    private static let price = StorePolicy.Price(micros: 80_000, currency: "USD")

    private func fixture(_ limits: [LimitKind: Int64]) throws -> StoreFixture {
        try StoreFixture { policy in
            for (kind, limit) in limits { policy.limits.standard[kind] = limit }
            policy.prices = ["m": Self.price]
        }
    }

    @Test(
        "a hundred concurrent claims exceed no limit, with every call in flight",
        arguments: [
            ([LimitKind.runningJobs: 7], 7, Waiting.userLimit), ([.imagesPerDay: 11], 5, .userLimit),
            ([.spendPerDay: 500_000], 3, .budget), ([.spendPerMonth: 1_600_000], 10, .budget),
        ])
    func claimRace(limits: [LimitKind: Int64], calls: Int, waiting: Waiting) async throws {
        let fixture = try fixture(limits)
        try await fixture.submitAll(
            (0..<120).map {
                .init(owner: $0 < 60 ? StoreFixture.alice : StoreFixture.bob, request: StoreFixture.request(n: 2))
            })
        let claims = try await withThrowingTaskGroup(of: Claim?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    if case .claimed(let claim) = try await fixture.store.claim() { claim } else { nil }
                }
            }
            return try await group.reduce(into: [Claim]()) { if let claim = $1 { $0.append(claim) } }
        }
        for owner in [StoreFixture.alice, StoreFixture.bob] {
            #expect(claims.count { $0.uid == owner.uid } == calls)
            let queued = try await fixture.store.jobs(.init(state: .queued, limit: 1), for: Caller(owner)).jobs
            #expect(queued.first?.waiting == waiting)
        }
    }

    @Test("a hundred concurrent submits do not exceed the limit of queued jobs, which is reported")
    func submitRace() async throws {
        let fixture = try fixture([.queuedJobs: 10])
        let expected = LimitReached(kind: .queuedJobs, limit: 10, used: 10, asked: 1)
        let created = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    switch try await fixture.store.submit(
                        .init(owner: StoreFixture.alice, request: StoreFixture.request()))
                    {
                    case .created: true
                    case .overLimit(expected): false
                    case let other: throw StoreFixture.Unexpected(what: "\(other)")
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(created == 10)
    }

    @Test(
        "granted retries by hand are counted by day, also an administrator's, even if jobs are forgotten")
    func retries() async throws {
        let fixture = try StoreFixture { policy in
            policy.limits.standard[.retriesPerDay] = 3
            policy.limits.users[StoreFixture.bob.uid] = LimitRules.Exception()
            policy.limits.users[StoreFixture.bob.uid]?[.retriesPerDay] = .some(nil)
        }
        let (alice, root) = (Caller(StoreFixture.alice), Caller(uid: 0, name: "root", isAdministrator: true))
        func used() async throws -> Int64 {
            try await fixture.store.usage(of: StoreFixture.alice).use.retriesToday
        }
        let id = try await fixture.submit()
        // A retry that the job's state forbids uses nothing.
        guard case .forbidden = try await fixture.store.retry(id, by: alice) else {
            Issue.record("a queued job is retried")
            return
        }
        #expect(try await used() == 0)
        for caller in [alice, alice, root] {
            _ = try await fixture.claimAndReject()
            guard case .granted = try await fixture.store.retry(id, by: caller) else {
                Issue.record("a retry within the limit is refused")
                return
            }
        }
        _ = try await fixture.claimAndReject()
        let reached = LimitReached(
            kind: .retriesPerDay, limit: 3, used: 3, asked: 1, freesAt: UTCDay(fixture.now).next.start)
        for caller in [alice, root] { #expect(try await fixture.store.retry(id, by: caller) == .overLimit(reached)) }
        // New jobs are not affected.
        let next = try await fixture.submit()
        _ = try await fixture.store.cancel(next, by: alice)
        // Forgetting returns none of them.
        _ = try await fixture.store.forget(
            ForgetQuery(ids: [id], endedBefore: fixture.now + .seconds(1)), of: StoreFixture.alice.uid, by: nil)
        #expect(try await used() == 3)
        #expect(try await fixture.store.retry(next, by: alice) == .overLimit(reached))
        // Another user has a separate limit, or none.
        let others = try await fixture.submit(owner: StoreFixture.bob)
        for _ in 0..<5 {
            _ = try await fixture.claimAndReject()
            guard case .granted = try await fixture.store.retry(others, by: Caller(StoreFixture.bob)) else {
                Issue.record("a limit that is lifted holds")
                return
            }
        }
        fixture.pass(.seconds(86_400))
        #expect(try await used() == 0)
        guard case .granted = try await fixture.store.retry(next, by: alice) else {
            Issue.record("the limit is not renewed")
            return
        }
        #expect(try await used() == 1)
    }

    @Test("a hundred concurrent retries do not exceed the limit")
    func retryRace() async throws {
        let fixture = try fixture([.retriesPerDay: 7])
        var ids: [JobID] = []
        for _ in 0..<100 {
            let id = try await fixture.submit()
            _ = try await fixture.store.cancel(id, by: Caller(StoreFixture.alice))
            ids.append(id)
        }
        let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for id in ids {
                group.addTask {
                    if case .granted = try await fixture.store.retry(id, by: Caller(StoreFixture.alice)) {
                        true
                    } else {
                        false
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(granted == 7)
    }

    @Test("a job that can never run is refused at once")
    func never() async throws {
        let fixture = try fixture([.imagesPerDay: 3, .spendPerDay: 200_000])
        func submit(n: Int, model: String = "m") async throws -> LimitKind? {
            let order = Store.Order(owner: StoreFixture.alice, request: StoreFixture.request(n: n, model: model))
            if case .overLimit(let reached) = try await fixture.store.submit(order) { return reached.kind }
            return nil
        }
        #expect(try await submit(n: 4) == .imagesPerDay)
        #expect(try await submit(n: 3) == .spendPerDay)
        #expect(try await submit(n: 1, model: "without a price") == .spendPerDay)
        #expect(try await submit(n: 2) == nil)
    }

    private enum End: CaseIterable { case billed, notBilled, unknown }

    @Test("every short sequence of calls counts only calls that were billed, may have been, or are in flight")
    func courses() async throws {
        let limits = 0...3
        let fixture = try StoreFixture { policy in
            policy.limits.standard[.imagesPerDay] = 4
            for limit in limits {
                var exception = LimitRules.Exception()
                exception[.imagesPerDay] = .some(Int64(limit))
                policy.limits.groups[UInt32(limit)] = exception
            }
        }
        var uid: UInt32 = 10_000
        for limit in limits {
            for first in 1...2 {
                for second in 1...2 {
                    for ends in End.allCases.flatMap({ one in End.allCases.map { [one, $0] } }) {
                        uid += 1
                        // Queued under a limit that allows both, and called under a lower one.
                        let owner = User(uid: uid, name: "\(uid)")
                        let jobs = [
                            // Each owner has a separate lane, because calls with unknown ends in a row would close a
                            // shared one.
                            try await fixture.submit(owner: owner, n: first, model: "m\(uid)"),
                            try await fixture.submit(owner: owner, n: second, model: "m\(uid)"),
                        ]
                        try await fixture.store.recordOwner(User(uid: uid, name: "\(uid)", groups: [UInt32(limit)]))
                        var used = 0
                        for ((images, job), end) in zip(zip([first, second], jobs), ends) {
                            guard used + images <= limit else {
                                guard case .nothing = try await fixture.store.claim() else {
                                    Issue.record("passed \(limit) with \(used) and \(images)")
                                    return
                                }
                                #expect(try await fixture.job(job, owner: owner).waiting == .userLimit)
                                break
                            }
                            let claim = try await fixture.claim()
                            #expect(claim.job == job)
                            let tally = try await fixture.store.usage(of: owner).use.today
                            #expect(tally.allImages == Int64(used + images) && tally.reservedImages == Int64(images))
                            try await fixture.end(
                                claim, end == .billed ? .billed : end == .unknown ? .unknown : .notBilled)
                            if end != .notBilled { used += images }
                            #expect(try await fixture.store.usage(of: owner).use.today.allImages == Int64(used))
                        }
                        for job in jobs { _ = try await fixture.store.cancel(job, by: Caller(owner)) }
                    }
                }
            }
        }
    }

    @Test("a limit that is renewed wakes the claim at 00:00 UTC, or on the first of the month")
    func rollover() async throws {
        // 2025-06-15T15:06:40Z, the start of StoreFixture.
        let day = try fixture([.imagesPerDay: 1])
        let month = try fixture([.spendPerMonth: 80_000])
        for (fixture, end) in [(day, UTCDay(day.now).next.start), (month, UTCDay(month.now).firstOfNextMonth.start)] {
            for _ in 0..<3 { try await fixture.submit() }
            _ = try await fixture.claimAndAnswer()
            #expect(try await fixture.store.claim() == .nothing(until: end))
            fixture.pass(end - fixture.now + .milliseconds(-1))
            #expect(try await fixture.store.claim() == .nothing(until: end))
            fixture.pass(.milliseconds(1))
            _ = try await fixture.claimAndAnswer()
            guard case .nothing(let next?) = try await fixture.store.claim() else {
                Issue.record("the renewed limit does not hold")
                return
            }
            #expect(next > end)
        }
    }

    @Test("a clock that is set back restores the earlier day's use and limit")
    func clockSetBack() async throws {
        let fixture = try fixture([.imagesPerDay: 1])
        for _ in 0..<4 { try await fixture.submit() }
        _ = try await fixture.claimAndAnswer()
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        // A day on which nothing was used: the mark of the other day does not apply.
        fixture.pass(.seconds(-86_400))
        _ = try await fixture.claimAndAnswer()
        let earlier = UTCDay(fixture.now).next.start
        #expect(try await fixture.store.claim() == .nothing(until: earlier))
        // Forward again: that day's limit is still used up.
        fixture.pass(.seconds(86_400))
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        fixture.pass(.seconds(86_400))
        _ = try await fixture.claimAndAnswer()
    }

    @Test("a call over midnight counts on the day on which it began, so that its answer exceeds no other day's limit")
    func overMidnight() async throws {
        let fixture = try fixture([.imagesPerDay: 1])
        for _ in 0..<3 { try await fixture.submit() }
        let late = try await fixture.claim()
        fixture.pass(UTCDay(fixture.now).next.start - fixture.now)
        let early = try await fixture.claim()
        try await fixture.end(late, .billed)
        #expect(
            try await fixture.store.usage(of: StoreFixture.alice).use.today
                == .init(reservedImages: 1, reserved: 80_000))
        try await fixture.end(early, .billed)
        #expect(try await fixture.store.usage(of: StoreFixture.alice).use.today == .init(images: 1, spent: 80_000))
        #expect(try await fixture.store.usage(of: StoreFixture.alice).use.month == .init(images: 2, spent: 160_000))
    }

    @Test("an interrupted call may have been billed: after a restart it still counts")
    func recovered() async throws {
        let fixture = try fixture([.spendPerDay: 100_000])
        for _ in 0..<2 { try await fixture.submit() }
        _ = try await fixture.claim()
        _ = try await fixture.store.recover()
        #expect(
            try await fixture.store.usage(of: StoreFixture.alice).use.today == .init(unknownImages: 1, unknown: 80_000))
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
    }

    @Test("the end of a running job, the cancel of a first job and a submit each make the claim check again")
    func freed() async throws {
        let fixture = try fixture([.runningJobs: 1, .imagesPerDay: 4])
        try await fixture.submit(n: 3)
        let large = try await fixture.submit(n: 2)
        let claim = try await fixture.claim()
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        try await fixture.end(claim, .billed)
        // One image is left. The first job wants two, and a smaller one behind it does not overtake.
        let small = try await fixture.submit(n: 1)
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        #expect(try await fixture.job(small).waiting == .userLimit)
        _ = try await fixture.store.cancel(large, by: Caller(StoreFixture.alice))
        #expect(try await fixture.claim().job == small)
    }

    @Test("a due job goes before one that waits for a limit, if its priority is higher and it fits")
    func dueBehindLimit() async throws {
        let fixture = try fixture([.imagesPerDay: 4])
        try await fixture.submit(n: 3)
        _ = try await fixture.claimAndAnswer()
        try await fixture.submit(n: 2)
        let due = fixture.now + .seconds(60)
        let timed = try await fixture.submit(n: 1, priority: 5, notBefore: due)
        #expect(try await fixture.store.claim() == .nothing(until: due))
        fixture.pass(.seconds(60))
        #expect(try await fixture.claim().job == timed)
    }

    @Test("a call with fewer pictures than were reserved makes room for waiting jobs")
    func fewer() async throws {
        let fixture = try fixture([.imagesPerDay: 4])
        try await fixture.submit(n: 4)
        let waiting = try await fixture.submit(n: 2)
        let claim = try await fixture.claim()
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        // One of four came, as a link: the job continues running.
        let link = NewPicture.link("https://h/1.png", deadline: fixture.now + .seconds(3600))
        _ = try await fixture.store.record(StoreFixture.answered(1), of: claim, pictures: [link])
        #expect(try await fixture.claim().job == waiting)
    }

    @Test("a retry that the job's state forbids is forbidden, at a limit too")
    func forbiddenRetry() async throws {
        let fixture = try fixture([.queuedJobs: 1])
        let job = try await fixture.submit()
        guard case .forbidden = try await fixture.store.retry(job, by: Caller(StoreFixture.alice)) else {
            Issue.record("a queued job is retried, or its owner is told to wait")
            return
        }
    }

    @Test("a full archive accepts no input and no job, and a known input costs nothing")
    func archive() async throws {
        let picture = try StoreFixture.stored("a")
        let fixture = try fixture([.archiveBytes: picture.bytes * 2, .unusedInputBytes: picture.bytes])
        let owner = StoreFixture.alice
        #expect(try await fixture.store.addInput(picture, owner: owner) == nil)
        #expect(try await fixture.store.addInput(StoreFixture.stored("b"), owner: owner)?.kind == .unusedInputBytes)
        #expect(try await fixture.store.addInput(picture, owner: owner) == nil)
        let order = Store.Order(owner: owner, request: StoreFixture.request(image: .content(picture.hash)))
        for _ in 0..<2 { _ = try await fixture.store.submit(order) }
        _ = try await fixture.claimAndAnswer()
        let use = try await fixture.store.usage(of: owner).use
        #expect(use.archiveBytes == picture.bytes * 2 && use.unusedInputBytes == 0)
        #expect(
            try await fixture.store.submit(order)
                == .overLimit(.init(kind: .archiveBytes, limit: picture.bytes * 2, used: picture.bytes * 2, asked: 0)))
        #expect(try await fixture.store.addInput(StoreFixture.stored("c"), owner: owner)?.kind == .archiveBytes)
        #expect(try await fixture.store.claim() == .nothing(until: nil))
        // Another user has the same picture, and a separate archive limit.
        #expect(try await fixture.store.addInput(picture, owner: StoreFixture.bob) == nil)
        #expect(try await fixture.store.usage(of: StoreFixture.bob).use.archiveBytes == picture.bytes)
    }

    @Test("after a restart with other limits, the claim checks again")
    func otherLimits() async throws {
        let fixture = try fixture([.imagesPerDay: 1])
        for _ in 0..<3 { try await fixture.submit() }
        _ = try await fixture.claimAndAnswer()
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        let now = fixture.now
        try fixture.store.close()
        let store = try Store(path: fixture.path, now: { now })
        guard case .claimed = try await store.claim() else {
            Issue.record("the mark of the other limits holds")
            return
        }
        try store.close()
    }

    @Test("the groups of the last visit decide, and changed ones make the claim check again")
    func groups() async throws {
        let fixture = try StoreFixture { policy in
            policy.limits.standard[.imagesPerDay] = 1
            var staff = LimitRules.Exception()
            staff[.imagesPerDay] = .some(nil)
            policy.limits.groups[50] = staff
        }
        for _ in 0..<3 { try await fixture.submit() }
        _ = try await fixture.claimAndAnswer()
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        try await fixture.store.recordOwner(User(uid: 1000, name: "alice", groups: [7, 50]))
        _ = try await fixture.claimAndAnswer()
        // A visit without a lookup of groups leaves them unchanged.
        try await fixture.store.recordOwner(User(uid: 1000, name: "alice"))
        #expect(try await fixture.store.usage(of: StoreFixture.alice).limits[.imagesPerDay] == nil)
        try await fixture.store.recordOwner(User(uid: 1000, name: "alice", groups: []))
        #expect(try await fixture.store.usage(of: StoreFixture.alice).limits[.imagesPerDay] == 1)
    }
}
