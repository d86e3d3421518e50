import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Claiming")
struct ClaimTests {
    @Test("the highest priority first, then the oldest")
    func order() async throws {
        let fixture = try StoreFixture()
        let plain = try await fixture.submit()
        let low = try await fixture.submit(priority: -5)
        let high = try await fixture.submit(priority: 9)
        let later = try await fixture.submit()
        var claimed: [JobID] = []
        for _ in 0..<4 { claimed.append(try await fixture.claim().job) }
        #expect(claimed == [high, plain, later, low])
        #expect(try await fixture.store.claim() == .nothing(until: nil))
    }

    @Test("a priority counts only among its owner's jobs")
    func priorityOfOthers() async throws {
        let fixture = try StoreFixture()
        let first = try await fixture.submit(owner: StoreFixture.alice)
        try await fixture.submit(owner: StoreFixture.bob, priority: 100)
        #expect(try await fixture.claim().job == first)
    }

    @Test("a failure on this host says nothing about the API, so a held queue stays held")
    func local() async throws {
        let fixture = try StoreFixture()
        for _ in 0..<2 { try await fixture.submit() }
        let (first, second) = (try await fixture.claim(), try await fixture.claim())
        _ = try await fixture.store.record(
            CallReport(outcome: .accountClosed(APIError(message: "no money"))), of: first)
        var report = CallReport(outcome: .rejected(APIError(message: "the picture cannot be read")))
        report.isLocal = true
        _ = try await fixture.store.record(report, of: second)
        #expect(try await fixture.gate().hold?.cause == .account)
    }

    @Test("a scheduled job waits for its time, and the claim returns that time")
    func scheduled() async throws {
        let fixture = try StoreFixture()
        let time = fixture.now + .seconds(60)
        let id = try await fixture.submit(notBefore: time)
        #expect(try await fixture.store.claim() == .nothing(until: time))
        #expect(try await fixture.job(id).waiting == .scheduled)
        fixture.pass(.seconds(60))
        #expect(try await fixture.claim().job == id)
    }

    @Test("a hundred claims at once take a hundred different jobs")
    func race() async throws {
        let fixture = try StoreFixture()
        for _ in 0..<100 { try await fixture.submit() }
        let claimed = try await withThrowingTaskGroup(of: JobID.self) { group in
            for _ in 0..<100 { group.addTask { try await fixture.claim().job } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(claimed.count == 100)
    }

    @Test(
        "an API that cannot be reached holds the queue: nothing is claimed until the probe's time, then one job alone")
    func held() async throws {
        let fixture = try StoreFixture()
        let ids = [try await fixture.submit(), try await fixture.submit()]
        let claim = try await fixture.claim()
        #expect(
            try await fixture.store.record(CallReport(outcome: .notSent(message: "connection refused")), of: claim)
                == .advanced(.queued))
        let hold = try #require(try await fixture.gate().hold)
        #expect(hold.cause == .unreachable && hold.message == .code(.call(trouble: "connection refused")))
        #expect(try await fixture.job(ids[0]).waiting == .held)
        #expect(try await fixture.job(ids[0]).lifecycle.attempts == 0)
        #expect(try await fixture.store.claim() == .nothing(until: hold.probeAt))
        fixture.pass(hold.probeAt - fixture.now)
        // Another job is the probe, in case the first job is the cause.
        let probe = try await fixture.claim()
        #expect(probe.job == ids[1])
        fixture.pass(.seconds(1))
        #expect(try await fixture.store.claim() == .nothing(until: nil))
        _ = try await fixture.store.record(StoreFixture.answered(1), of: probe, pictures: fixture.links(1))
        #expect(try await fixture.gate().hold == nil)
        let again = try await fixture.claim()
        #expect(again.job == ids[0] && again.attempt == 2)
    }

    @Test("a rate limit makes all jobs wait until its end")
    func rateLimited() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        let report = CallReport(
            outcome: .rateLimited(APIError(status: 429, message: "slow down"), retryAfter: .seconds(30)), status: 429)
        _ = try await fixture.store.record(report, of: fixture.claim())
        // The lane opens then; this job's turn follows a moment later.
        #expect(try await fixture.store.claim() == .nothing(until: fixture.now + .seconds(31)))
        #expect(try await fixture.gate().opens(after: fixture.now) == fixture.now + .seconds(30))
        #expect(try await fixture.job(id).waiting == .rateLimited)
        fixture.pass(.seconds(31))
        #expect(try await fixture.claim().job == id)
    }

    @Test("after a crash a calling job is unknown, an archiving one continues, and a queued one stays queued")
    func recovery() async throws {
        let fixture = try StoreFixture()
        let archiving = try await fixture.submit()
        _ = try await fixture.store.record(StoreFixture.answered(1), of: fixture.claim(), pictures: fixture.links(1))
        let calling = try await fixture.submit()
        let patient = try await fixture.submit(onUnknown: .retry)
        let old = try await fixture.claim()
        _ = try await fixture.claim()
        let queued = try await fixture.submit()

        // A second store on the same file stands for the next process.
        let next = try Store(path: fixture.path, now: { [now = fixture.now] in now })
        #expect(try await next.recover() == [calling, patient])
        func state(_ id: JobID) async throws -> Lifecycle.State? {
            try await next.job(id, uid: StoreFixture.alice.uid)?.lifecycle.state
        }
        #expect(try await state(archiving) == .running(.archiving, cancelRequested: false))
        #expect(try await state(queued) == .queued(notBefore: nil, afterBackoff: false))
        guard case .failed(let failure) = try await state(calling) else {
            Issue.record("not failed")
            return
        }
        #expect(failure.reason == .outcomeUnknown)
        guard case .queued(.some, afterBackoff: true) = try await state(patient) else {
            Issue.record("on_unknown: retry is not queued again")
            return
        }
        #expect(try fixture.ledger(calling) == ["unknown"])
        #expect(try await next.recover() == [])
        // A late report of the dead process's call is ignored.
        #expect(try await next.record(StoreFixture.answered(1), of: old, pictures: fixture.links(1)) == .stale)
    }
}
