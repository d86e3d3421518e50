import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Jobs of OpenAI-compatible requests")
struct DoorTests {
    private static func fingerprint(_ digit: Character = "f") throws -> ContentHash {
        try #require(ContentHash(hex: String(repeating: digit, count: 64)))
    }

    /// Queues a job of such a request.
    private func submit(
        _ fixture: StoreFixture, owner: User = StoreFixture.alice, _ digit: Character = "f", isAwaited: Bool = true,
        key: String? = nil
    ) async throws -> JobID {
        let submission = try await fixture.store.submit(order(owner, digit, isAwaited: isAwaited, key: key))
        guard case .created(let job) = submission else { throw StoreFixture.Unexpected(what: "\(submission)") }
        return job.id
    }

    private func order(_ owner: User, _ digit: Character = "f", isAwaited: Bool = true, key: String? = nil) throws
        -> Store.Order
    {
        let fingerprint = try Self.fingerprint(digit)
        return Store.Order(
            owner: owner, request: StoreFixture.request(),
            key: key.map { .init(text: $0, fingerprint: fingerprint) },
            door: .init(fingerprint: fingerprint, isAwaited: isAwaited))
    }

    private func jobs(_ fixture: StoreFixture, of owner: User = StoreFixture.alice) async throws -> [DoorJob] {
        try await fixture.store.doorJobs(Self.fingerprint(), of: owner.uid, age: .seconds(3600))
    }

    @Test("a request finds its owner's identical jobs, newest first, and no others")
    func identical() async throws {
        let fixture = try StoreFixture()
        let first = try await submit(fixture)
        _ = try await submit(fixture, "e")
        _ = try await submit(fixture, owner: StoreFixture.bob)
        let second = try await submit(fixture)
        #expect(
            try await jobs(fixture) == [.init(id: second, progress: .inFlight), .init(id: first, progress: .inFlight)])
        _ = try await fixture.claimAndAnswer()
        #expect(
            try await jobs(fixture) == [
                .init(id: second, progress: .inFlight), .init(id: first, progress: .done(at: fixture.now)),
            ])
    }

    @Test("a job that ended longer ago is not found, one in flight always is")
    func age() async throws {
        let fixture = try StoreFixture()
        let done = try await submit(fixture)
        _ = try await fixture.claimAndAnswer()
        let queued = try await submit(fixture)
        fixture.pass(.seconds(3600))
        #expect(try await jobs(fixture).map(\.id) == [queued, done])
        fixture.pass(.milliseconds(1))
        #expect(try await jobs(fixture).map(\.id) == [queued])
    }

    @Test("a delivery is noted once, and only of the answer that was made")
    func delivery() async throws {
        let fixture = try StoreFixture()
        let id = try await submit(fixture)
        try await fixture.store.noteDelivery(of: id, finishedAt: fixture.now)
        let claim = try await fixture.claim()
        try await fixture.end(claim, .unknown)
        let ended = fixture.now
        try await fixture.store.noteDelivery(of: id, finishedAt: ended + .milliseconds(1))
        #expect(
            try await jobs(fixture) == [
                .init(id: id, progress: .failed(.outcomeUnknown, at: ended), isDelivered: false)
            ])
        for _ in 0..<2 { try await fixture.store.noteDelivery(of: id, finishedAt: ended) }
        #expect(
            try await jobs(fixture) == [.init(id: id, progress: .failed(.outcomeUnknown, at: ended), isDelivered: true)]
        )
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM events WHERE kind = 'delivered'") == 1)

        // The answer of the retry is another one.
        _ = try await fixture.store.retry(id, uid: StoreFixture.alice.uid)
        fixture.pass(.seconds(1))
        _ = try await fixture.claimAndAnswer()
        try await fixture.store.noteDelivery(of: id, finishedAt: ended)
        #expect(try await jobs(fixture) == [.init(id: id, progress: .done(at: fixture.now), isDelivered: false)])
    }

    @Test("a job that nobody waits for is canceled while it is queued, unless it has a key or its client does not wait")
    func abandoned() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let queued = try await submit(fixture)
        let keyed = try await submit(fixture, key: "k")
        let asynchronous = try await submit(fixture, isAwaited: false)
        let joined = try await submit(fixture)
        try await store.noteJoin(of: joined, by: StoreFixture.alice, isAwaited: false)
        let ordinary = try await fixture.submit()
        #expect(try await store.leftDoorJobs().map(\.job) == [queued])

        #expect(try await store.abandon(queued, after: .seconds(60)) == .canceled)
        #expect(try await store.abandon(queued, after: .seconds(60)) == .ended)
        for id in [keyed, asynchronous, joined] { #expect(try await store.abandon(id, after: .seconds(60)) == .stays) }
        #expect(try await store.abandon(ordinary, after: .seconds(60)) == .ended)
        guard case .failed(let failure) = try await fixture.job(queued).lifecycle.state else {
            Issue.record("it is not failed")
            return
        }
        #expect(failure.reason == .canceled && failure.message == .code(.abandoned(seconds: 60)))
        #expect(try fixture.ledger(queued) == [])

        let claimed = try await fixture.claim()
        #expect(try await store.abandon(claimed.job, after: .seconds(60)) == .running)
    }

    @Test("a job that a person has retried stays queued, although no client waits for it")
    func retried() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let id = try await submit(fixture)
        try await fixture.end(fixture.claim(), .unknown)
        _ = try await store.retry(id, uid: StoreFixture.alice.uid)
        #expect(try await store.leftDoorJobs().map(\.job) == [])
        #expect(try await store.abandon(id, after: .seconds(60)) == .stays)
    }

    @Test("a request that waits is queued on a held lane if its call may try whether the lane works again")
    func probe() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let refusal = CallReport(outcome: .accountClosed(APIError(status: 401, message: "no")))
        let first = try await submit(fixture)
        _ = try await store.record(refusal, of: fixture.claim())
        _ = try await store.cancel(first, uid: StoreFixture.alice.uid)
        #expect(try await store.submit(order(StoreFixture.alice)) == .held(.held))

        // Nothing else is queued that could open the lane.
        fixture.pass(.seconds(86_400))
        let probe = try await submit(fixture)
        #expect(try await fixture.claim().job == probe)
        #expect(try await store.submit(order(StoreFixture.alice, "e")) == .held(.held))
    }

    @Test(
        "a request that waits is not queued if no call can begin: the queue is paused, the lane held, or a limit reached"
    )
    func refused() async throws {
        let fixture = try StoreFixture { policy in
            policy.limits.users[StoreFixture.bob.uid] = LimitRules.Exception()
            policy.limits.users[StoreFixture.bob.uid]?[.imagesPerDay] = 1
            policy.limits.users[StoreFixture.bob.uid]?[.runningJobs] = 1
        }
        let store = fixture.store
        _ = try await submit(fixture, owner: StoreFixture.bob)
        let claim = try await fixture.claim()
        guard case .overLimit(let limit) = try await store.submit(order(StoreFixture.bob)) else {
            Issue.record("it was queued")
            return
        }
        #expect(limit.kind == .imagesPerDay)
        guard case .created = try await store.submit(order(StoreFixture.bob, isAwaited: false)) else {
            Issue.record("a request that does not wait is queued whatever it has to wait for")
            return
        }
        try await fixture.end(claim, .billed)

        _ = try await store.pause(by: Caller(uid: 0, name: "root", isAdministrator: true))
        #expect(try await store.submit(order(StoreFixture.alice)) == .held(.paused))
        _ = try await store.resume(by: Caller(uid: 0, name: "root", isAdministrator: true))

        _ = try await submit(fixture)
        let refused = try await fixture.claim()
        _ = try await store.record(
            CallReport(outcome: .accountClosed(APIError(status: 401, message: "no"))), of: refused)
        #expect(try await store.submit(order(StoreFixture.alice)) == .held(.held))
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM door_requests") == 3)
    }

    @Test("a running job's end frees a place soon, so a request may wait for it")
    func runningJobs() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.runningJobs] = 1 }
        _ = try await submit(fixture)
        _ = try await fixture.claim()
        _ = try await submit(fixture)
    }

    @Test("the rows go with the job that is forgotten, and with the user who is replaced")
    func removed() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        _ = try await submit(fixture)
        _ = try await fixture.claimAndAnswer()
        fixture.pass(.seconds(1))
        _ = try await store.forget(
            .init(endedBefore: fixture.now), of: StoreFixture.alice.uid, by: StoreFixture.alice.uid, limit: 10)
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM door_requests") == 0)

        _ = try await store.recognize(StoreFixture.bob.uid, as: "bob")
        _ = try await submit(fixture, owner: StoreFixture.bob)
        _ = try await store.recognize(StoreFixture.bob.uid, as: "robert")
        let root = Caller(uid: 0, name: "root", isAdministrator: true)
        #expect(try await store.settle(StoreFixture.bob.uid, .replaced, by: root) == .settled)
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM door_requests") == 0)
        #expect(try await jobs(fixture, of: StoreFixture.bob) == [])
    }

    @Test("identical jobs are found by an index, and those left behind by that of queued jobs")
    func plans() async throws {
        let fixture = try StoreFixture()
        let identical = try fixture.plan(
            """
            SELECT jobs.id FROM door_requests JOIN jobs ON jobs.id = door_requests.job
            WHERE door_requests.uid = 1 AND door_requests.fingerprint = 'f' ORDER BY door_requests.job DESC
            """)
        #expect(identical.contains("door_requests_identical") && !identical.contains("TEMP B-TREE"))
        let left = try fixture.plan(
            """
            SELECT jobs.id FROM jobs CROSS JOIN door_requests ON door_requests.job = jobs.id
            WHERE jobs.state = 'queued' AND stays = 0
            """)
        #expect(!left.contains("SCAN door_requests"))
    }
}
