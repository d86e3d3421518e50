import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Submitting")
struct SubmitTests {
    private func order(_ fixture: StoreFixture, owner: User = StoreFixture.alice, key: String?, body: Character = "a")
        throws
        -> Store.Order
    {
        let fingerprint = try #require(ContentHash(hex: String(repeating: body, count: 64)))
        return .init(
            owner: owner, request: StoreFixture.request(), key: key.map { .init(text: $0, fingerprint: fingerprint) })
    }

    @Test(
        "the same key and body return the same job; another body is refused; another owner may use the key"
    )
    func keys() async throws {
        let fixture = try StoreFixture()
        guard case .created(let first) = try await fixture.store.submit(order(fixture, key: "k")) else {
            Issue.record("not created")
            return
        }
        #expect(try await fixture.store.submit(order(fixture, key: "k")) == .existing(first))
        #expect(try await fixture.store.submit(order(fixture, key: "k", body: "b")) == .keyReused)
        guard case .created = try await fixture.store.submit(order(fixture, owner: StoreFixture.bob, key: "k")) else {
            Issue.record("another owner's key is in the way")
            return
        }
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM jobs") == 2)
    }

    @Test("the answer to a submit is the job as its rows have it, whatever it requests and whatever makes it wait")
    func answer() async throws {
        let fixture = try StoreFixture { policy in
            policy.limits.users[StoreFixture.bob.uid] = LimitRules.Exception()
            policy.limits.users[StoreFixture.bob.uid]?[.runningJobs] = 1
        }
        let picture = try StoreFixture.stored()
        try await fixture.store.addInput(picture, owner: StoreFixture.alice)
        var draft = EditRequest.Draft()
        draft.prompt = "snow on the \u{2028}roof \u{1F3E0}"
        draft.image = .content(picture.hash)
        draft.strength = 0.1
        draft.guidanceScale = 3.3
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        let link = StoreFixture.request(n: 4, image: .link("https://example.org/a.jpg"))
        let elsewhere = Lane(endpoint: "gone", model: "gone")
        let key = try #require(order(fixture, key: "k").key)
        for bob in [StoreFixture.bob, User(uid: StoreFixture.bob.uid, name: "robert", groups: [7, 5])] {
            for order in [
                Store.Order(
                    owner: StoreFixture.alice, request: request, priority: 3, label: "house", onUnknown: .retry),
                Store.Order(
                    owner: StoreFixture.alice, request: link, notBefore: fixture.now + .seconds(60)),
                Store.Order(owner: StoreFixture.alice, request: link, notBefore: fixture.now + .seconds(-60)),
                Store.Order(owner: StoreFixture.alice, request: link, lane: elsewhere),
                Store.Order(owner: bob, request: link, key: bob.groups == nil ? key : nil),
            ] {
                guard case .created(let job) = try await fixture.store.submit(order) else {
                    Issue.record("\(order) was not queued")
                    continue
                }
                var read = try await fixture.job(job.id, owner: order.owner)
                // The queue position is only computed for a single job.
                read.place = nil
                #expect(job == read)
            }
            // The second round is under a limit that is reached.
            while case .claimed(let claim) = try await fixture.store.claim(), claim.uid != StoreFixture.bob.uid {}
        }
        let last = try await fixture.job(JobID(rawValue: 10), owner: StoreFixture.bob)
        #expect(last.waiting == .userLimit && last.owner.name == "bob")
    }

    @Test("a hundred concurrent submits with one key create one job")
    func keyRace() async throws {
        let fixture = try StoreFixture()
        let order = try order(fixture, key: "k")
        let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    switch try await fixture.store.submit(order) {
                    case .created(let job), .existing(let job): job.id
                    case let other: throw StoreFixture.Unexpected(what: "\(other)")
                    }
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
    }

    @Test("a picture must be an input of the same owner")
    func inputs() async throws {
        let fixture = try StoreFixture()
        let picture = try StoreFixture.stored()
        try await fixture.store.addInput(picture, owner: StoreFixture.bob)
        let order = Store.Order(owner: StoreFixture.alice, request: StoreFixture.request(image: .content(picture.hash)))
        #expect(try await fixture.store.submit(order) == .unknownInput)
        try await fixture.store.addInput(picture, owner: StoreFixture.alice)
        guard case .created(let job) = try await fixture.store.submit(order) else {
            Issue.record("not created")
            return
        }
        #expect(try await fixture.store.input(of: job.id, uid: StoreFixture.alice.uid) == picture)
        #expect(try await fixture.store.input(of: job.id, uid: StoreFixture.bob.uid) == nil)
    }

    @Test("the limit also applies to a retry")
    func limitOfRetries() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.queuedJobs] = 1 }
        let first = try await fixture.submit()
        _ = try await fixture.store.cancel(first, uid: StoreFixture.alice.uid)
        try await fixture.submit()
        #expect(
            try await fixture.store.retry(first, uid: StoreFixture.alice.uid)
                == .overLimit(.init(kind: .queuedJobs, limit: 1, used: 1, asked: 1)))
    }

    @Test("an owner sees only own jobs, newest first, in pages, by state and by label")
    func lists() async throws {
        let fixture = try StoreFixture()
        var mine: [JobID] = []
        for number in 0..<7 {
            let order = Store.Order(
                owner: StoreFixture.alice, request: StoreFixture.request(), label: number < 3 ? "early" : nil)
            guard case .created(let job) = try await fixture.store.submit(order) else { continue }
            mine.append(job.id)
            try await fixture.submit(owner: StoreFixture.bob)
        }
        _ = try await fixture.store.cancel(mine[1], uid: StoreFixture.alice.uid)

        func ids(_ query: JobQuery) async throws -> [JobID] {
            try await fixture.store.jobs(query, uid: StoreFixture.alice.uid).map(\.id)
        }
        #expect(try await ids(.init()) == mine.reversed())
        #expect(try await ids(.init(limit: 3)) == Array(mine.reversed().prefix(3)))
        #expect(try await ids(.init(before: mine[4], limit: 3)) == [mine[3], mine[2], mine[1]])
        #expect(try await ids(.init(label: "early")) == [mine[2], mine[1], mine[0]])
        #expect(try await ids(.init(state: .failed)) == [mine[1]])
        #expect(try await ids(.init(state: .queued, label: "early")) == [mine[2], mine[0]])
        #expect(try await fixture.store.job(mine[0], uid: StoreFixture.bob.uid) == nil)
    }

    @Test("another user's job can be neither canceled nor retried, and gives the same result as a missing one")
    func wishes() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        for uid in [StoreFixture.bob.uid, 0] {
            #expect(try await fixture.store.cancel(id, uid: uid) == .noSuchJob)
            #expect(try await fixture.store.retry(id, uid: uid) == .noSuchJob)
        }
        #expect(try await fixture.store.cancel(JobID(rawValue: 999), uid: StoreFixture.alice.uid) == .noSuchJob)
        #expect(try await fixture.job(id).lifecycle.state == .queued(notBefore: nil, afterBackoff: false))
    }

    @Test("numbers are never given out twice, even after the newest job is gone")
    func numbers() async throws {
        let fixture = try StoreFixture()
        let first = try await fixture.submit()
        try fixture.raw("DELETE FROM events; DELETE FROM jobs")
        let second = try await fixture.submit()
        #expect(second > first)
    }
}
