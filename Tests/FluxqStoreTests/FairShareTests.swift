import FluxqModel
import FluxqTestSupport
import GRDB
import Synchronization
import Testing

@testable import FluxqStore

@Suite("Fair share")
struct FairShareTests {
    private static func owner(_ number: Int) -> User { User(uid: UInt32(2000 + number), name: "user\(number)") }

    private func fixture(weights: [Int]) throws -> StoreFixture {
        try StoreFixture { policy in
            for (number, weight) in weights.enumerated() {
                var exception = LimitRules.Exception()
                exception.weight = weight
                policy.limits.users[Self.owner(number).uid] = exception
            }
        }
    }

    @Test(
        "between users who always have jobs, their shares by weight differ by at most one call of each",
        arguments: [2, 10, 100])
    func shares(users: Int) async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("fair share of \(users) users: seed \(seed)")
        var generator = SplitMix64(state: seed)
        let weights = (0..<users).map { _ in Int.random(in: 1...10, using: &generator) }
        let fixture = try fixture(weights: weights)
        let jobsEach = users == 2 ? 60 : 10
        try await fixture.submitAll(
            (0..<users).flatMap { user in
                (0..<jobsEach).map { _ in
                    .init(
                        owner: Self.owner(user), request: StoreFixture.request(n: .random(in: 1...4, using: &generator))
                    )
                }
            })
        var left = Array(repeating: jobsEach, count: users)
        var images = Array(repeating: 0, count: users)
        while left.allSatisfy({ $0 > 0 }) {
            let claim = try await fixture.claimAndReject()
            let user = Int(claim.uid) - 2000
            left[user] -= 1
            images[user] += claim.request.imagesWanted
            // Start-time fair queueing's own bound (Goyal, Vin, Cheng 1996, theorem 1), with four images to a call.
            // Only this user's share has changed, so only its pairs are checked.
            func served(_ user: Int) -> Double { Double(images[user]) / Double(weights[user]) }
            let unfair = (0..<users).first { other in
                let bound = 4 / Double(weights[user]) + 4 / Double(weights[other]) + 0.001
                return other != user && abs(served(user) - served(other)) > bound
            }
            #expect(unfair == nil, "seed \(seed)")
        }
        #expect(images.reduce(0, +) > users)
    }

    @Test("a newcomer's first job is the next one claimed, however many jobs of however many others wait")
    func newcomer() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("newcomer: seed \(seed)")
        var generator = SplitMix64(state: seed)
        for users in [1, 2, 10] {
            let fixture = try fixture(weights: (0..<users).map { _ in Int.random(in: 1...1000, using: &generator) })
            try await fixture.submitAll(
                (0..<users).flatMap { user in
                    (0..<40).map { _ in
                        .init(owner: Self.owner(user), request: StoreFixture.request(n: 4), priority: 100)
                    }
                })
            // A user without a first call yet is also a newcomer.
            for _ in 0..<users { _ = try await fixture.claimAndReject() }
            for round in 0..<10 {
                for _ in 0..<Int.random(in: 1...3, using: &generator) { _ = try await fixture.claimAndReject() }
                let newcomer = User(uid: UInt32(5000 + round), name: "newcomer")
                let job = try await fixture.submit(owner: newcomer, n: 1, priority: -100)
                #expect(try await fixture.claim().job == job, "seed \(seed)")
            }
        }
    }

    @Test("an idle user gets no credit: after a long absence calls alternate at once")
    func noCredit() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit(owner: StoreFixture.bob)
        _ = try await fixture.claimAndReject()
        for _ in 0..<60 { try await fixture.submit(owner: StoreFixture.alice) }
        for _ in 0..<30 { _ = try await fixture.claimAndReject() }
        for _ in 0..<20 { try await fixture.submit(owner: StoreFixture.bob) }
        var claims: [UInt32] = []
        for _ in 0..<20 { claims.append(try await fixture.claimAndReject().uid) }
        for first in stride(from: 0, to: 20, by: 2) { #expect(Set(claims[first...first + 1]).count == 2) }
    }

    @Test("a user whom a limit blocks gets no credit either, and delays nobody")
    func noCreditOfLimits() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.imagesPerDay] = 40 }
        for _ in 0..<80 { try await fixture.submit(owner: StoreFixture.alice) }
        for _ in 0..<40 { #expect(try await fixture.claimAndAnswer().uid == StoreFixture.alice.uid) }
        for _ in 0..<80 { try await fixture.submit(owner: StoreFixture.bob) }
        for _ in 0..<40 { #expect(try await fixture.claimAndAnswer().uid == StoreFixture.bob.uid) }
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        fixture.pass(.seconds(86_400))
        var claims: [UInt32] = []
        for _ in 0..<20 { claims.append(try await fixture.claimAndReject().uid) }
        for first in stride(from: 0, to: 20, by: 2) { #expect(Set(claims[first...first + 1]).count == 2) }
    }

    @Test("an unbilled call uses its turn: an owner whose calls all close the queue does not stay first")
    func deferred() async throws {
        let fixture = try StoreFixture()
        for _ in 0..<5 { try await fixture.submit(owner: StoreFixture.alice) }
        let other = try await fixture.submit(owner: StoreFixture.bob)
        let first = try await fixture.claim()
        #expect(first.uid == StoreFixture.alice.uid)
        let report = CallReport(outcome: .accountClosed(APIError(message: "not this prompt")))
        _ = try await fixture.store.record(report, of: first)
        fixture.pass(.seconds(600))
        #expect(try await fixture.claim().job == other)
    }

    @Test("an account that works for no job costs no attempts, however often it is tried")
    func refusedTogether() async throws {
        let fixture = try StoreFixture { $0.maxAttempts = 3 }
        let jobs = [try await fixture.submit(), try await fixture.submit()]
        for _ in 0..<20 {
            fixture.pass(.seconds(600))
            let report = CallReport(outcome: .accountClosed(APIError(message: "no money")))
            _ = try await fixture.store.record(report, of: try await fixture.claim())
            #expect(try await fixture.gate().hold != nil)
        }
        for job in jobs {
            let lifecycle = try await fixture.job(job).lifecycle
            #expect(lifecycle.strikes == 0 && lifecycle.attempts == 0)
        }
    }

    @Test("hundreds of jobs that become due at once do not delay another owner's due job")
    func dueAtOnce() async throws {
        let fixture = try StoreFixture()
        let time = fixture.now + .seconds(60)
        try await fixture.submitAll(
            (0..<400).map { _ in
                .init(owner: StoreFixture.alice, request: StoreFixture.request(), notBefore: time)
            })
        let job = try await fixture.submit(owner: StoreFixture.bob, notBefore: time + .milliseconds(1))
        #expect(try await fixture.store.claim() == .nothing(until: time))
        fixture.pass(.seconds(61))
        let claims = [try await fixture.claim(), try await fixture.claim()]
        #expect(claims.contains { $0.job == job })
    }

    @Test("users at their limits are skipped once and then cost a claim nothing")
    func blockedUsersAreNotScanned() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.imagesPerDay] = 1 }
        let users = 150
        try await fixture.submitAll(
            (0..<users * 2).map { .init(owner: Self.owner($0 / 2), request: StoreFixture.request()) })
        for _ in 0..<users { _ = try await fixture.claimAndAnswer() }
        // All have a job left and may not run it. Each is marked once, at most a hundred in one claim.
        var marked: [Int] = []
        var results: [Store.ClaimResult] = []
        for _ in 0..<3 {
            results.append(try await fixture.store.claim())
            marked.append(fixture.store.memory.marks)
        }
        #expect(marked == [100, 150, 150])
        let midnight = Store.ClaimResult.nothing(until: UTCDay(fixture.now).next.start)
        #expect(results == [.nothing(until: fixture.now), midnight, midnight])
    }
}

@Suite("The queue position")
struct QueueLineTests {
    @Test("matches the order of the claims, for users with any weights, priorities and numbers of images")
    func order() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("places: seed \(seed)")
        var generator = SplitMix64(state: seed)
        let fixture = try StoreFixture { policy in
            for uid in UInt32(2000)..<2006 {
                var exception = LimitRules.Exception()
                exception.weight = Int.random(in: 1...5, using: &generator)
                policy.limits.users[uid] = exception
            }
        }
        var owners: [JobID: User] = [:]
        for _ in 0..<6 {
            for _ in 0..<20 {
                let uid = UInt32.random(in: 2000..<2006, using: &generator)
                let owner = User(uid: uid, name: "user\(uid)")
                let job = try await fixture.submit(
                    owner: owner, n: .random(in: 1...4, using: &generator),
                    priority: .random(in: -2...2, using: &generator))
                owners[job] = owner
            }
            for _ in 0..<5 { owners[try await fixture.claimAndReject().job] = nil }
        }
        var places: [JobID: Int] = [:]
        for (job, owner) in owners { places[job] = try await fixture.job(job, owner: owner).place?.place }
        #expect(places.count == owners.count)
        for place in 1...owners.count {
            #expect(places[try await fixture.claimAndReject().job] == place, "seed \(seed)")
        }
    }

    @Test("is found without reading any request, however long its prompt is")
    func indexAlone() throws {
        let steps = try StoreFixture().steps(QueueLine.jobsOfOwner)
        // The operator ->> would show as a function.
        #expect(steps.contains("IdxRowid") && !steps.contains("Function"), "\(steps)")
    }

    @Test("beyond a thousand only that is reported, and it costs no more")
    func farBack() async throws {
        let fixture = try StoreFixture()
        try await fixture.submitAll(
            (0..<1001).map { _ in .init(owner: StoreFixture.alice, request: StoreFixture.request()) })
        let last = try await fixture.submit()
        #expect(try await fixture.job(last).place == QueuePlace(place: nil))
        let other = try await fixture.submit(owner: StoreFixture.bob)
        #expect(try await fixture.job(other, owner: StoreFixture.bob).place?.place == 2)
    }

    @Test("skips users at limits that no claim has noticed, among any number of users, in few queries")
    func manyAtLimits() async throws {
        let users = (0..<100).map { User(uid: UInt32(3000 + $0), name: "user\($0)") }
        // Every third user is at the limit of a day, and every third at that of running calls.
        let fixture = try StoreFixture { policy in
            for (index, user) in users.enumerated() where index % 3 > 0 {
                policy.limits.users[user.uid] = LimitRules.Exception()
                policy.limits.users[user.uid]?[index % 3 == 1 ? .imagesPerDay : .runningJobs] = 1
            }
        }
        for user in users { try await fixture.submit(owner: user) }
        for index in users.indices {
            let claim = try await fixture.claim()
            #expect(claim.uid == users[index].uid)
            if index % 3 < 2 { try await fixture.end(claim, .billed) }
        }
        var jobs: [JobID] = []
        for user in users { jobs.append(try await fixture.submit(owner: user)) }
        #expect(fixture.store.memory.marks == 0)
        var place = 0
        for (index, user) in users.enumerated() {
            let job = try await fixture.job(jobs[index], owner: user)
            if index % 3 == 0 { place += 1 }
            #expect(job.place?.place == (index % 3 == 0 ? place : nil))
            #expect(job.waiting == (index % 3 == 0 ? .ready : .userLimit))
        }
        // The first jobs of each owner who may be called take one query each. The use by calls is read for many owners
        // at once, twice as many each time.
        let statements = try await fixture.store.read { db, now in
            let counting = CountingConnection(db)
            _ = try QueueLine(
                LimitsReader(db: counting, policy: fixture.store.policy, now: now), endpoint: Lane.defaultEndpoint)
            return counting.statements
        }
        #expect(statements < users.count / 3 + 20)
    }

    @Test("a job that waits for its time, and jobs of users at their limits, have no position")
    func notInLine() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.runningJobs] = 1 }
        let scheduled = try await fixture.submit(notBefore: fixture.now + .seconds(60))
        try await fixture.submit()
        let waiting = try await fixture.submit()
        let other = try await fixture.submit(owner: StoreFixture.bob)
        _ = try await fixture.claim()
        #expect(try await fixture.job(scheduled).place == nil)
        #expect(try await fixture.job(waiting).place == nil)
        #expect(try await fixture.job(waiting).waiting == .userLimit)
        #expect(try await fixture.job(other, owner: StoreFixture.bob).place?.place == 1)
    }

    @Test(
        "the start is estimated from calls of the same model and number of images, with the endpoint's concurrency")
    func estimate() async throws {
        let fixture = try StoreFixture { $0.catalog.endpoints[0].concurrency = 2 }
        try await fixture.submit()
        #expect(try await fixture.job(fixture.submit()).place == QueuePlace(place: 2, startsAt: nil))
        for _ in 0..<2 {
            let claim = try await fixture.claim()
            fixture.pass(.seconds(10))
            _ = try await fixture.store.record(
                StoreFixture.answered(1), of: claim, pictures: [.saved(StoreFixture.stored())])
        }
        let jobs = [try await fixture.submit(), try await fixture.submit(), try await fixture.submit()]
        // Nothing is in flight: two calls begin at once, the third when the first of them ends.
        for (job, seconds) in zip(jobs, [0, 0, 10]) {
            #expect(try await fixture.job(job).place?.startsAt == fixture.now + .seconds(seconds))
        }
        _ = try await fixture.claim()
        fixture.pass(.seconds(4))
        #expect(try await fixture.job(jobs[1]).place == QueuePlace(place: 1, startsAt: fixture.now))
        #expect(try await fixture.job(jobs[2]).place == QueuePlace(place: 2, startsAt: fixture.now + .seconds(6)))
        // A call that has exceeded the mean duration is expected to end at any moment.
        fixture.pass(.seconds(100))
        #expect(try await fixture.job(jobs[2]).place == QueuePlace(place: 2, startsAt: fixture.now))
    }
}

/// Counts the statements that it executes.
private final class CountingConnection: Connection {
    private let db: any Connection
    private(set) var statements = 0

    init(_ db: any Connection) { self.db = db }

    var now: Timestamp { db.now }
    var isInTransaction: Bool { db.isInTransaction }

    func execute(_ sql: String, _ arguments: Arguments) throws -> Int {
        statements += 1
        return try db.execute(sql, arguments)
    }

    func forEachRow(_ sql: String, _ arguments: Arguments, _ body: (FluxqStore.Row) throws -> Bool) throws {
        statements += 1
        try db.forEachRow(sql, arguments, body)
    }

    func skipNumbers(_ count: Int64, of table: String) throws { try db.skipNumbers(count, of: table) }

    func savepoint(_ body: () throws -> Void) throws { try db.savepoint(body) }
}
