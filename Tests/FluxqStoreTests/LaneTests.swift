import FluxqModel
import FluxqTestSupport
import FluxqWords
import Testing

@testable import FluxqStore

@Suite("Lanes")
struct LaneTests {
    private let error = APIError(status: 402, message: "no money")
    private var limited: CallReport {
        CallReport(outcome: .rateLimited(error, retryAfter: .seconds(3600)), status: 429)
    }
    private var refused: CallReport { CallReport(outcome: .accountClosed(error), status: 402) }

    private static func lane(_ endpoint: String, _ model: String) -> Lane { Lane(endpoint: endpoint, model: model) }

    /// Two endpoints; the second one also offers a model of the first.
    private static func catalog(concurrency: Int = 2) -> ModelCatalog {
        ModelCatalog(
            endpoints: [
                .init(name: "one", models: ["a", "b"], concurrency: concurrency),
                .init(name: "two", models: ["b", "c"], concurrency: concurrency),
            ], defaultModel: "a")
    }

    private func fixture(concurrency: Int = 2) throws -> StoreFixture {
        try StoreFixture { $0.catalog = Self.catalog(concurrency: concurrency) }
    }

    @Test("a job and its claim belong to the first endpoint that offers its model")
    func home() async throws {
        let fixture = try fixture()
        for model in ["c", "b", "a"] { try await fixture.submit(model: model) }
        var lanes: Set<Lane> = []
        for _ in 0..<3 { lanes.insert(try await fixture.claim().lane) }
        #expect(lanes == [Self.lane("one", "a"), Self.lane("one", "b"), Self.lane("two", "c")])
    }

    @Test(
        "the concurrency of an endpoint counts over all its lanes, separately for each endpoint"
    )
    func ceilings() async throws {
        let fixture = try fixture()
        for model in ["a", "b", "a", "b", "c", "c", "c"] { try await fixture.submit(model: model) }
        var claims: [String: Int] = [:]
        while case .claimed(let claim) = try await fixture.store.claim() {
            claims[claim.lane.endpoint, default: 0] += 1
        }
        #expect(claims == ["one": 2, "two": 2])
    }

    @Test("six jobs of a model with a small quota, always answered 429, delay no other lane")
    func smallQuota() async throws {
        let fixture = try fixture(concurrency: 4)
        for _ in 0..<6 { try await fixture.submit(model: "a") }
        for _ in 0..<40 { try await fixture.submit(owner: StoreFixture.bob, model: "b") }
        var limits = 0
        var done = 0
        // The other lane's jobs are called one after the other, without a pause.
        while done < 40 {
            let claim = try await fixture.claim()
            if claim.lane.model == "a" {
                limits += 1
                _ = try await fixture.store.record(limited, of: claim)
            } else {
                done += 1
                try await fixture.end(claim, .billed)
            }
        }
        #expect(limits == 1)
        #expect(try await fixture.gate(Self.lane("one", "b")).pace.limit == nil)
    }

    @Test("a lane that is held leaves the others of its endpoint open, and is shown only for its own jobs")
    func heldBeside() async throws {
        let fixture = try fixture()
        let held = try await fixture.submit(model: "a")
        let open = try await fixture.submit(model: "b")
        let first = try await fixture.claim()
        _ = try await fixture.store.record(refused, of: first)
        #expect(first.job == held)
        #expect(try await fixture.job(held).waiting == .held)
        #expect(try await fixture.job(open).waiting == .ready)
        #expect(try await fixture.claim().job == open)
    }

    @Test("an owner's turn counts over all lanes of an endpoint")
    func shareOfEndpoint() async throws {
        let fixture = try fixture(concurrency: 1)
        for _ in 0..<10 {
            try await fixture.submit(owner: StoreFixture.alice, model: "a")
            try await fixture.submit(owner: StoreFixture.alice, model: "b")
            try await fixture.submit(owner: StoreFixture.bob, model: "b")
        }
        var claims: [UInt32] = []
        for _ in 0..<20 { claims.append(try await fixture.claimAndReject().uid) }
        for first in stride(from: 0, to: 20, by: 2) { #expect(Set(claims[first...first + 1]).count == 2) }
    }

    @Test("a closed lane gets no credit: once it opens, calls alternate at once")
    func noCreditOfHolds() async throws {
        let fixture = try fixture(concurrency: 1)
        for _ in 0..<30 { try await fixture.submit(owner: StoreFixture.alice, model: "a") }
        _ = try await fixture.store.record(refused, of: fixture.claim())
        for _ in 0..<60 { try await fixture.submit(owner: StoreFixture.bob, model: "b") }
        for _ in 0..<30 { #expect(try await fixture.claimAndReject().uid == StoreFixture.bob.uid) }
        fixture.pass(.seconds(600))
        var claims: [UInt32] = []
        for _ in 0..<20 { claims.append(try await fixture.claimAndReject().uid) }
        for first in stride(from: 0, to: 20, by: 2) { #expect(Set(claims[first...first + 1]).count == 2) }
    }

    @Test(
        "jobs of a removed lane move to an endpoint that offers their model, or wait and show why")
    func reconfigured() async throws {
        let fixture = try fixture()
        let moved = try await fixture.submit(model: "b")
        let stranded = try await fixture.submit(model: "a")
        var policy = StorePolicy()
        policy.catalog = ModelCatalog(endpoints: [.init(name: "two", models: ["b", "c"])], defaultModel: "b")
        fixture.store.reload(policy)
        let claim = try await fixture.claim()
        #expect(claim.job == moved && claim.lane == Self.lane("two", "b"))
        #expect(try await fixture.store.claim() == .nothing(until: nil))
        #expect(try await fixture.job(stranded).waiting == .held)
        let lanes = try await fixture.store.queue(of: StoreFixture.alice).lanes
        #expect(lanes.filter { !$0.isOffered }.map(\.lane) == [Self.lane("one", "a")])
        policy.catalog = Self.catalog()
        fixture.store.reload(policy)
        #expect(try await fixture.claim().job == stranded)
    }

    @Test("budgets count over all lanes")
    func budgets() async throws {
        let fixture = try StoreFixture { policy in
            policy.catalog = Self.catalog()
            policy.limits.standard[.runningJobs] = 1
        }
        let first = try await fixture.submit(model: "a")
        let second = try await fixture.submit(model: "c")
        let claim = try await fixture.claim()
        #expect(claim.job == first || claim.job == second)
        #expect(try await fixture.store.claim() == .nothing(until: nil))
        try await fixture.end(claim, .notBilled)
        _ = try await fixture.claim()
    }

    // MARK: - Suspects

    @Test("two short outages that hit one job alone cost it nothing; the third refusal among successes counts")
    func shortOutages() async throws {
        let fixture = try StoreFixture { $0.maxAttempts = 1 }
        let unlucky = try await fixture.submit(owner: StoreFixture.alice)
        var refusals = 0
        while try await JobState(fixture.job(unlucky).lifecycle.state) != .failed, refusals < 20 {
            try await fixture.submit(owner: StoreFixture.bob)
            fixture.pass(.seconds(6))
            while case .claimed(let claim) = try await fixture.store.claim() {
                if claim.job == unlucky {
                    refusals += 1
                    _ = try await fixture.store.record(refused, of: claim)
                } else {
                    try await fixture.end(claim, .billed)
                }
            }
        }
        // One refusal closed the lane, and three came among successes.
        #expect(refusals == 4)
    }

    @Test("an owner whose every job is refused holds a lane once, and its jobs end after their attempts")
    func refusedAlone() async throws {
        let fixture = try StoreFixture { $0.maxAttempts = 3 }
        let bad = [
            try await fixture.submit(owner: StoreFixture.alice), try await fixture.submit(owner: StoreFixture.alice),
        ]
        var holds = 0
        for _ in 0..<60 {
            try await fixture.submit(owner: StoreFixture.bob)
            fixture.pass(.seconds(2))
            for _ in 0..<3 {
                guard case .claimed(let claim) = try await fixture.store.claim() else { break }
                let wasHeld = try await fixture.gate().hold != nil
                if bad.contains(claim.job) {
                    _ = try await fixture.store.record(refused, of: claim)
                } else {
                    try await fixture.end(claim, .billed)
                }
                if try await fixture.gate().hold != nil, !wasHeld { holds += 1 }
            }
        }
        #expect(holds == 1)
        for id in bad {
            let job = try await fixture.job(id)
            guard case .failed(let failure) = job.lifecycle.state else {
                Issue.record("it never ends: \(job.lifecycle)")
                return
            }
            #expect(failure.reason == .exhausted && failure.message.words.contains("no money"))
            #expect(job.lifecycle.attempts == 0)
        }
        #expect(try await fixture.store.queue(of: StoreFixture.bob).counts[.failed] == 0)
    }

    @Test("money that runs out again after one picture holds all jobs again, and costs no job a strike")
    func refusedTwice() async throws {
        let fixture = try StoreFixture { $0.maxAttempts = 2 }
        var jobs: [JobID] = []
        for _ in 0..<4 { jobs.append(try await fixture.submit()) }
        for claim in [
            try await fixture.claim(), try await fixture.claim(), try await fixture.claim(), try await fixture.claim(),
        ] {
            _ = try await fixture.store.record(refused, of: claim)
        }
        fixture.pass(.seconds(10))
        let lucky = try await fixture.claimAndAnswer().job
        for _ in 0..<20 {
            fixture.pass(.seconds(1))
            while case .claimed(let claim) = try await fixture.store.claim() {
                _ = try await fixture.store.record(refused, of: claim)
            }
            if try await fixture.gate().hold != nil { fixture.pass(.seconds(600)) }
        }
        #expect(try await fixture.gate().hold?.cause == .account)
        for id in jobs where id != lucky {
            let lifecycle = try await fixture.job(id).lifecycle
            #expect(lifecycle.strikes == 0 && lifecycle.attempts == 0)
        }
    }

    @Test("an API that always answers 502 fails the four jobs in flight, not the queue")
    func failing() async throws {
        let fixture = try StoreFixture { $0.catalog.endpoints[0].concurrency = 4 }
        for _ in 0..<80 { try await fixture.submit() }
        let report = CallReport(
            outcome: .unknown(APIError(status: 502, message: "bad gateway")), sentAt: fixture.now, status: 502)
        var claims: [Claim] = []
        while case .claimed(let claim) = try await fixture.store.claim() { claims.append(claim) }
        for claim in claims { _ = try await fixture.store.record(report, of: claim) }
        #expect(claims.count == 4)
        #expect(try await fixture.gate().hold?.cause == .failing)
        guard case .nothing(.some) = try await fixture.store.claim() else {
            Issue.record("it continues")
            return
        }
        #expect(try await fixture.store.queue(of: StoreFixture.alice).counts[.failed] == 4)
    }

    @Test("answers without a usable picture hold a lane like any failure; one usable picture resets the count")
    func unusableAnswers() async throws {
        let fixture = try StoreFixture()
        let outcomes: [Bool] = [false, false, true, false, false, false]
        for isUsable in outcomes {
            #expect(try await fixture.gate().hold == nil)
            try await fixture.submit()
            let picture = isUsable ? NewPicture.saved(try StoreFixture.stored()) : .unusable(nil, message: "cut")
            _ = try await fixture.store.record(
                StoreFixture.answered(1), of: fixture.claim(), pictures: [picture])
        }
        let hold = try #require(try await fixture.gate().hold)
        #expect(hold.cause == .failing && hold.message.words.contains("without a usable picture"))
    }

    @Test("failed downloads of three calls stop new calls, and the first successful download resumes them")
    func undeliverable() async throws {
        let fixture = try StoreFixture()
        for _ in 0..<20 { try await fixture.submit() }
        for _ in 0..<3 {
            _ = try await fixture.store.record(
                StoreFixture.answered(1), of: fixture.claim(), pictures: fixture.links(1))
        }
        for picture in try await fixture.duePictures() {
            _ = try await fixture.store.postponePicture(picture, message: "no route to the pictures")
        }
        let hold = try #require(try await fixture.gate().hold)
        #expect(hold.cause == .undeliverable && hold.message.words.contains("no route"))
        fixture.pass(.seconds(3600))
        guard case .nothing = try await fixture.store.claim() else {
            Issue.record("it buys what it cannot fetch")
            return
        }
        let picture = try #require(try await fixture.duePictures().first)
        _ = try await fixture.store.savePicture(picture, as: StoreFixture.stored())
        #expect(try await fixture.gate().hold == nil)
        _ = try await fixture.claim()
    }

    @Test("a job that this host cannot send is tried with growing pauses, shows why, and ends")
    func localFailure() async throws {
        let fixture = try StoreFixture { $0.maxAttempts = 3 }
        let id = try await fixture.submit()
        var report = CallReport(outcome: .notSent(message: "fluxqd could not read the job's picture"))
        report.isLocal = true
        let began = fixture.now
        var calls = 0
        loop: while calls < 200 {
            switch try await fixture.store.claim() {
            case .claimed(let claim):
                calls += 1
                _ = try await fixture.store.record(report, of: claim)
                if calls == 1 {
                    let job = try await fixture.job(id)
                    #expect(job.waiting == .backoff && job.obstacle?.words.contains("could not read") == true)
                }
            case .nothing(let until?): fixture.pass(until - fixture.now)
            case .nothing: break loop
            }
        }
        #expect(calls < 120 && fixture.now - began >= StorePolicy().localPatience)
        guard case .failed(let failure) = try await fixture.job(id).lifecycle.state else {
            Issue.record("it never ends")
            return
        }
        #expect(failure.reason == .exhausted && failure.message.words.contains("could not read"))
        #expect(try await fixture.gate().hold == nil)
    }

    @Test("a probe that this host cannot send does not block the lane for others")
    func localProbe() async throws {
        let fixture = try StoreFixture()
        for _ in 0..<3 { try await fixture.submit() }
        _ = try await fixture.store.record(refused, of: try await fixture.claim())
        var report = CallReport(outcome: .rejected(APIError(message: "the job's picture is damaged")))
        report.isLocal = true
        for _ in 0..<2 {
            if let probeAt = try await fixture.gate().hold?.probeAt, probeAt > fixture.now {
                fixture.pass(probeAt - fixture.now)
            }
            _ = try await fixture.store.record(report, of: try await fixture.claim())
        }
        #expect(try await fixture.gate().hold?.probes == 0)
    }

    @Test("a restart forgets a probe in flight, and the open calls of a dead process say nothing about the API")
    func restart() async throws {
        let fixture = try StoreFixture { $0.catalog.endpoints[0].concurrency = 4 }
        for _ in 0..<5 { try await fixture.submit() }
        for _ in 0..<4 { _ = try await fixture.claim() }
        let restarted = try Store(path: fixture.path, now: { [now = fixture.now] in now })
        #expect(try await restarted.recover().count == 4)
        #expect(try await restarted.gate(of: StoreFixture.lane).hold == nil)
        guard case .claimed = try await restarted.claim() else {
            Issue.record("nothing is called")
            return
        }
    }

    @Test("the counting rows match the jobs, whatever happens to them in many lanes")
    func counts() async throws {
        let fixture = try fixture()
        let seed = UInt64.random(in: .min ... .max)
        print("lanes: seed \(seed)")
        var generator = SplitMix64(state: seed)
        for step in 0..<200 {
            let owner = [StoreFixture.alice, StoreFixture.bob][step % 2]
            let soon = fixture.now + .seconds(Int.random(in: 1...20, using: &generator))
            try await fixture.submit(
                owner: owner, model: ["a", "b", "c"].randomElement(using: &generator) ?? "a",
                notBefore: Bool.random(using: &generator) ? soon : nil)
            if case .claimed(let claim) = try await fixture.store.claim() {
                let reports = [refused, limited, StoreFixture.answered(1), CallReport(outcome: .serverError(error))]
                let report = reports.randomElement(using: &generator) ?? refused
                let isAnswer = report == StoreFixture.answered(1)
                _ = try await fixture.store.record(
                    report, of: claim, pictures: isAnswer ? [.saved(StoreFixture.stored())] : [])
            }
            fixture.pass(.seconds(Int.random(in: 0...100, using: &generator)))
        }
        let found = try await ReadOnlyStore(path: fixture.path).defects()
        #expect(found == [], "seed \(seed)")
    }
}
