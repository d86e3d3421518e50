import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("How long ended jobs stay, and the purge of a user")
struct RetentionTests {
    private static let alice = StoreFixture.alice
    private static let day = Duration.seconds(86_400)

    private func forgetOld(_ fixture: StoreFixture) async throws {
        var last: JobID?
        repeat { last = try await fixture.store.forgetOldJobs(after: last, stretch: 2) } while last != nil
    }

    private func left(_ fixture: StoreFixture) async throws -> [JobID] {
        try await fixture.store.jobs(JobQuery(limit: 100), for: Caller(Self.alice)).jobs.map(\.id).reversed()
    }

    /// A job with a picture, a failed one without, a canceled one, and one that waits.
    private func jobs(_ fixture: StoreFixture) async throws -> [JobID] {
        let done = try await fixture.claimAndAnswer(after: fixture.submit())
        let failed = try await fixture.submit()
        _ = try await fixture.claimAndReject()
        let canceled = try await fixture.submit()
        _ = try await fixture.store.cancel(canceled, by: Caller(Self.alice))
        return [done, failed, canceled, try await fixture.submit()]
    }

    @Test("is forever unless it is configured")
    func forEver() async throws {
        let fixture = try StoreFixture()
        let ids = try await jobs(fixture)
        #expect(fixture.store.keepsForEver)
        fixture.pass(Self.day * 10_000)
        try await forgetOld(fixture)
        #expect(try await left(fixture) == ids)
    }

    @Test("is configured for each kind of end separately, and no waiting job is ever forgotten")
    func kinds() async throws {
        let fixture = try StoreFixture {
            $0.retention = Retention(done: Self.day * 30, failed: Self.day * 20, canceled: Self.day * 10)
        }
        let ids = try await jobs(fixture)
        try await forgetOld(fixture)
        #expect(try await left(fixture) == ids)
        for (days, rest) in [(10, [0, 1, 3]), (20, [0, 3]), (30, [3])] {
            fixture.pass(Self.day * 10 - .seconds(1))
            let before = try await left(fixture)
            try await forgetOld(fixture)
            #expect(try await left(fixture) == before)
            fixture.pass(.seconds(1))
            try await forgetOld(fixture)
            #expect(try await left(fixture) == rest.map { ids[$0] }, "after \(days) days")
        }
        let forgotten = try await fixture.store.events(uid: 1000, since: 0, limit: 100).filter { $0.kind == .forgotten }
        #expect(forgotten.count == 3 && forgotten.allSatisfy { $0.actor == nil })
        #expect(try await ReadOnlyStore(path: fixture.path).defects() == [])
    }

    @Test("after a purge only the cost of the user's calls remains")
    func purge() async throws {
        let fixture = try StoreFixture { $0.prices = ["m": .init(micros: 80_000, currency: "USD")] }
        try await fixture.store.addInput(StoreFixture.stored("b"), owner: Self.alice)
        let ids = try await jobs(fixture)
        try await fixture.submit(owner: StoreFixture.bob)
        let use = try await fixture.store.usage(of: Self.alice).money
        #expect(try await fixture.store.purgeable(1000)?.queued == 1)
        #expect(try await fixture.store.owners(calledOrNumbered: "alice") == [1000])
        #expect(try await fixture.store.owners(calledOrNumbered: "1000") == [1000])
        _ = try await fixture.store.cancel(ids[3], by: Caller(Self.alice))
        #expect(try await !fixture.store.purge(1000))
        _ = try await fixture.store.forget(
            ForgetQuery(endedBefore: fixture.now + .seconds(1)), of: 1000, by: nil)
        #expect(try await fixture.store.purge(1000))
        for table in ["jobs", "inputs", "events", "forgotten_keys"] {
            #expect(try fixture.query(Int.self, "SELECT count(*) FROM \(table) WHERE uid = 1000") == 0, "\(table)")
        }
        #expect(try await fixture.store.usage(of: Self.alice).money == use && !use.isEmpty)
        let content = try await fixture.store.leftContent(after: nil)
        #expect(content == [try StoreFixture.stored("a").hash, try StoreFixture.stored("b").hash])
        #expect(try await fixture.store.usage(of: StoreFixture.bob).use.queued == 1)
        #expect(try await ReadOnlyStore(path: fixture.path).defects() == [])
    }
}

extension StoreFixture {
    /// Claims that job, and answers it with a picture.
    fileprivate func claimAndAnswer(after id: JobID) async throws -> JobID {
        _ = try await claimAndAnswer()
        return id
    }
}
