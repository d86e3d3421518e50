import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("A held queue")
struct HoldingTests {
    private let owners = [StoreFixture.alice, StoreFixture.bob, User(uid: 1002, name: "carol")]
    private let unreachable = CallReport(outcome: .notSent(message: "Could not connect."))

    /// Simulates the workers until `end`; every call ends with `report`.
    private func work(_ fixture: StoreFixture, until end: Timestamp, _ report: CallReport) async throws -> Int {
        var calls = 0
        while fixture.now < end {
            switch try await fixture.store.claim() {
            case .claimed(let claim):
                calls += 1
                fixture.pass(.seconds(1))
                _ = try await fixture.store.record(report, of: claim)
            case .nothing(let until):
                fixture.pass(min(until ?? end, end) - fixture.now)
            }
        }
        return calls
    }

    @Test("three users' jobs are all there after an outage of an hour, and continue by themselves")
    func outage() async throws {
        let fixture = try StoreFixture()
        var jobs: [(id: JobID, owner: User)] = []
        for owner in owners {
            for _ in 0..<3 { jobs.append((try await fixture.submit(owner: owner), owner)) }
        }
        let began = fixture.now
        let calls = try await work(fixture, until: began + .seconds(3600), unreachable)
        // Pauses grow to five minutes: an hour has about twenty probes, not thousands.
        #expect((12...40).contains(calls))
        for (id, owner) in jobs {
            let job = try await fixture.job(id, owner: owner)
            #expect(job.waiting == .held && job.lifecycle.attempts == 0 && job.lifecycle.strikes == 0)
        }
        let hold = try #require(try await fixture.gate().hold)
        #expect(hold.cause == .unreachable && hold.since <= began + .seconds(2) && hold.probes == calls - 1)

        // The host is back: the next probe finds out, and then the jobs of all users are called at once.
        let back = fixture.now
        var answered = 0
        while answered < jobs.count {
            switch try await fixture.store.claim() {
            case .claimed(let claim):
                answered += 1
                _ = try await fixture.store.record(
                    StoreFixture.answered(1), of: claim, pictures: [.saved(StoreFixture.stored())])
            case .nothing(let until): fixture.pass(try #require(until) - fixture.now)
            }
        }
        #expect(fixture.now - back <= .seconds(302))
        for (id, owner) in jobs {
            let job = try await fixture.job(id, owner: owner)
            #expect(job.lifecycle.state == .done(warning: nil) && job.lifecycle.attempts == 1)
        }
    }

    @Test("a clock that is set back a week delays no backoff and no hold")
    func clockSetBack() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        fixture.pass(.seconds(10))
        _ = try await fixture.store.record(unreachable, of: fixture.claim())
        #expect(try await fixture.store.claim() != .nothing(until: nil))
        fixture.pass(.seconds(-7 * 86_400))
        let probe = try await fixture.claim()
        #expect(probe.job == id)
        #expect(try await fixture.gate().isProbing)
        _ = try await fixture.store.record(CallReport(outcome: .serverError(APIError(message: "500"))), of: probe)
        #expect(try await fixture.gate().hold == nil)
        // A pause that was set by this clock still applies. A user's scheduled time depends only on the wall clock.
        guard case .nothing(let until?) = try await fixture.store.claim() else {
            Issue.record("claimed in its pause")
            return
        }
        #expect(until - fixture.now <= .seconds(2))
    }

    @Test("a fixed rate continues across a restart, and a job that waits for it shows that")
    func rate() async throws {
        let fixture = try StoreFixture { $0.catalog.endpoints[0].ratePerMinute = 30 }
        let ids = [try await fixture.submit(), try await fixture.submit()]
        _ = try await fixture.claim()
        let first = fixture.now
        #expect(try await fixture.job(ids[1]).waiting == .rateLimited)
        for _ in 0..<5 {
            fixture.pass(.milliseconds(300))
            var policy = StorePolicy()
            policy.catalog.endpoints[0].ratePerMinute = 30
            let restarted = try Store(path: fixture.path, policy: policy, now: { [now = fixture.now] in now })
            #expect(try await restarted.claim() == .nothing(until: first + .seconds(2)))
            try restarted.close()
        }
        fixture.pass(.milliseconds(500))
        #expect(try await fixture.claim().job == ids[1])
    }

    @Test("no more calls begin in a minute than the rate allows")
    func rateCount() async throws {
        let fixture = try StoreFixture { $0.catalog.endpoints[0].ratePerMinute = 30 }
        for _ in 0..<60 { try await fixture.submit() }
        let rejected = CallReport(outcome: .rejected(APIError(status: 400, message: "no")))
        #expect(try await work(fixture, until: fixture.now + .seconds(60), rejected) == 30)
    }

    @Test("a job has a ledger of its calls, which a list omits")
    func ledger() async throws {
        let fixture = try StoreFixture { $0.prices = ["m": .init(micros: 80_000, currency: "USD")] }
        let id = try await fixture.submit(n: 2)
        let unknown = CallReport(
            outcome: .unknown(APIError(status: 504, message: "HTTP 504", requestID: "r-1")), sentAt: fixture.now,
            status: 504, requestID: "r-1")
        _ = try await fixture.store.record(unknown, of: fixture.claim())
        _ = try await fixture.store.retry(id, by: Caller(uid: 1000, name: "alice"))
        fixture.pass(.seconds(5))
        _ = try await fixture.store.record(
            StoreFixture.answered(2), of: fixture.claim(),
            pictures: [.saved(StoreFixture.stored("a")), .saved(StoreFixture.stored("b"))])
        let job = try await fixture.job(id)
        #expect(job.ledger.map(\.billing) == [.unknown, .billed])
        #expect(job.ledger.map(\.number) == [1, 2])
        #expect(job.ledger[0].requestID == "r-1" && job.ledger[0].sentAt != nil && job.ledger[0].status == 504)
        #expect(job.ledger[1].imagesCame == 2 && job.ledger[1].priceMicros == 80_000)
        let list = try await fixture.store.jobs(JobQuery(), for: Caller(uid: 1000, name: "alice"))
        #expect(list.jobs.first?.ledger == [])
    }

    @Test("a full disk is shown to all users until there is room")
    func shortage() async throws {
        let fixture = try StoreFixture()
        let running = try await fixture.submit()
        _ = try await fixture.claim()
        let queued = try await fixture.submit()
        let shortage = Shortage(since: fixture.now, cause: .full)
        fixture.store.report(shortage)
        #expect(try await fixture.job(running).shortage == shortage)
        #expect(try await fixture.job(queued).waiting == .held)
        #expect(try await fixture.store.queue(of: StoreFixture.alice).gate.shortage == shortage)
        fixture.store.report(nil)
        #expect(try await fixture.job(queued).waiting == .ready)
    }

    @Test("the learnt concurrency of a lane survives a restart")
    func pace() async throws {
        let fixture = try StoreFixture { $0.catalog.endpoints[0].concurrency = 4 }
        try await fixture.submit()
        let report = CallReport(outcome: .rateLimited(APIError(message: "slow down"), retryAfter: .seconds(1)))
        _ = try await fixture.store.record(report, of: fixture.claim())
        let restarted = try Store(path: fixture.path, now: { [now = fixture.now] in now })
        #expect(try await restarted.gate(of: StoreFixture.lane).pace.limit == 2)
    }
}
