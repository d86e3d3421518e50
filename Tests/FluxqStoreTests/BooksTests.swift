import FluxqModel
import FluxqTestSupport
import GRDB
import Testing

@testable import FluxqStore

@Suite("The books")
struct BooksTests {
    private static let alice = StoreFixture.alice

    @Test("a billed call without a picture counts in full, in pictures and in money, so that no budget is exceeded")
    func noImage() async throws {
        let fixture = try StoreFixture { policy in
            policy.prices = ["m": .init(micros: 80_000, currency: "USD")]
            policy.limits.standard[.imagesPerDay] = 8
        }
        for _ in 0..<3 {
            try await fixture.submit(n: 4)
        }
        for _ in 0..<2 {
            _ = try await fixture.store.record(
                CallReport(outcome: .noImage(Answer(items: []))), of: fixture.claim())
        }
        let use = try await fixture.store.usage(of: Self.alice).use
        #expect(use.today == .init(images: 8, spent: 640_000))
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        for rule in RecordRule.all {
            #expect(try await fixture.store.read { db, _ in try rule.breaches(db) } == [], "\(rule.name)")
        }
    }

    @Test("money of two currencies is never added: limits use the currency of the current prices, and each is reported")
    func currencies() async throws {
        func policy(_ currency: String) -> StorePolicy {
            var policy = StorePolicy()
            policy.prices = ["m": .init(micros: 80_000, currency: currency)]
            policy.limits.standard[.spendPerDay] = 100_000
            return policy
        }
        let fixture = try StoreFixture { $0 = policy("USD") }
        for _ in 0..<3 { try await fixture.submit() }
        let first = try await fixture.claim()
        // A call in flight is settled in the currency in which its cost was reserved.
        fixture.store.reload(policy("EUR"))
        _ = try await fixture.store.record(
            StoreFixture.answered(1), of: first, pictures: [.saved(StoreFixture.stored())])
        var usage = try await fixture.store.usage(of: Self.alice)
        #expect(usage.currency == "EUR" && usage.use.today == .init(images: 1))
        let dollars = CurrencyUse(
            currency: "USD", today: .init(images: 1, spent: 80_000), month: .init(images: 1, spent: 80_000))
        #expect(usage.money == [dollars])
        _ = try await fixture.claim()
        usage = try await fixture.store.usage(of: Self.alice)
        #expect(usage.use.today == .init(images: 1, reservedImages: 1, reserved: 80_000))
        #expect(usage.money.map(\.currency) == ["EUR", "USD"])
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        // Without prices the pictures still count, and earlier spending is still reported.
        fixture.store.reload(StorePolicy())
        usage = try await fixture.store.usage(of: Self.alice)
        #expect(usage.currency == nil && usage.use.today.allImages == 2 && usage.money.count == 2)
        for rule in RecordRule.all {
            #expect(try await fixture.store.read { db, _ in try rule.breaches(db) } == [], "\(rule.name)")
        }
    }

    @Test("content that any row refers to is never returned for removal")
    func inUse() async throws {
        let fixture = try StoreFixture()
        // The first is recorded as a damaged picture, the second as another user's damaged input, the third not at all.
        let (picture, input, free) = try (StoreFixture.stored("a"), StoreFixture.stored("b"), StoreFixture.stored("c"))
        let id = try await fixture.submit()
        _ = try await fixture.store.record(
            StoreFixture.answered(1), of: fixture.claim(), pictures: [.saved(picture)])
        for stored in [picture, input, free] { try await fixture.store.addInput(stored, owner: Self.alice) }
        try await fixture.store.addInput(input, owner: StoreFixture.bob)
        _ = try await fixture.store.submit(
            .init(owner: StoreFixture.bob, request: StoreFixture.request(image: .content(input.hash))))
        for stored in [picture, input] { _ = try await fixture.store.recordDamage(of: stored.hash) }
        #expect(try await fixture.job(id).pictures[0].damaged == picture.hash)
        fixture.pass(.seconds(2 * 86_400))
        #expect(try await fixture.store.expireInputs() == [free.hash])
        #expect(try await fixture.store.isInUse(picture.hash))
        #expect(try await fixture.store.isInUse(input.hash))
        #expect(try await !fixture.store.isInUse(free.hash))
    }
}

@Suite("Another program's lock on the database", .timeLimit(.minutes(30)))
struct DatabaseLockTests {
    private static func otherConnection(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    @Test("makes a verb and a start wait")
    func waited() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        let now = { @Sendable in Timestamp(secondsSinceEpoch: 1_750_000_000) }
        let store = try Store(path: path, now: now, lockPatience: .seconds(240))
        let other = try Self.otherConnection(path)
        try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
        async let met: Void = store.recordOwner(StoreFixture.alice)
        try await other.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
        try await met
        #expect(try await store.usage(of: StoreFixture.alice).owner == StoreFixture.alice)
        try store.close()
    }

    @Test("is a separate error after the timeout, with nothing written, and ends with the lock")
    func locked() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        let now = { @Sendable in Timestamp(secondsSinceEpoch: 1_750_000_000) }
        let store = try Store(path: path, now: now, lockPatience: .milliseconds(20))
        let other = try Self.otherConnection(path)
        try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
        // The holder of a lock in this process cannot be named.
        await #expect(throws: StoreError.locked(by: nil)) { try await store.recordOwner(StoreFixture.alice) }
        #expect(throws: StoreError.locked(by: nil)) { try Store(path: path, now: now, lockPatience: .milliseconds(20)) }
        // Reading continues.
        #expect(try await store.newestEvent() == 0)
        try await other.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
        try await store.recordOwner(StoreFixture.alice)
        try store.close()
    }
}
