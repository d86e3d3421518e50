import FluxqModel
import FluxqTestSupport
import GRDB
import Testing

@testable import FluxqStore

@Suite("The books")
struct BooksTests {
    private static let alice = StoreFixture.alice

    @Test("a billed call without a picture counts in full, in pictures and in money, so that no budget is passed")
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

    @Test("money of two currencies is never added up: limits count that of the present prices, and each is told")
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
        // A call in flight is settled in the currency that it was set aside in.
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
        // Without prices the pictures still count, and what was spent is still told.
        fixture.store.reload(StorePolicy())
        usage = try await fixture.store.usage(of: Self.alice)
        #expect(usage.currency == nil && usage.use.today.allImages == 2 && usage.money.count == 2)
        for rule in RecordRule.all {
            #expect(try await fixture.store.read { db, _ in try rule.breaches(db) } == [], "\(rule.name)")
        }
    }

    @Test("content that a row remembers in any form is never given to be removed")
    func inUse() async throws {
        let fixture = try StoreFixture()
        // Remembered as a damaged picture, as a damaged input of another, and not at all.
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

@Suite("Somebody else's lock on the database", .timeLimit(.minutes(30)))
struct DatabaseLockTests {
    private static func otherConnection(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    @Test("is waited for, by a verb and by a start")
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

    @Test("is an error of its own after that, with nothing written, and passes")
    func locked() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        let now = { @Sendable in Timestamp(secondsSinceEpoch: 1_750_000_000) }
        let store = try Store(path: path, now: now, lockPatience: .milliseconds(20))
        let other = try Self.otherConnection(path)
        try await other.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
        // A lock of this process has no holder that could be named.
        await #expect(throws: StoreError.locked(by: nil)) { try await store.recordOwner(StoreFixture.alice) }
        #expect(throws: StoreError.locked(by: nil)) { try Store(path: path, now: now, lockPatience: .milliseconds(20)) }
        // Reading continues.
        #expect(try await store.newestEvent() == 0)
        try await other.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
        try await store.recordOwner(StoreFixture.alice)
        try store.close()
    }
}
