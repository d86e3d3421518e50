import FluxqMigrations
import FluxqModel
import FluxqTestSupport
import GRDB
import Testing

@testable import FluxqStore

@Suite("Access to the store")
struct AccessTests {
    private static let alice = Caller(StoreFixture.alice)
    private static let bob = Caller(StoreFixture.bob)
    private static let admin = Caller(uid: 7, name: "admin", isAdministrator: true)

    @Test("a job is visible only to its owner and to administrators")
    func job() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        #expect(try await fixture.store.job(id, for: Self.alice)?.id == id)
        #expect(try await fixture.store.job(id, for: Self.admin)?.id == id)
        #expect(try await fixture.store.job(id, for: Self.bob) == nil)
        #expect(try await fixture.store.cancel(id, by: Self.bob) == .noSuchJob)
        #expect(try await fixture.store.retry(id, by: Self.bob) == .noSuchJob)
        guard case .granted(let canceled) = try await fixture.store.cancel(id, by: Self.admin) else {
            throw StoreFixture.Unexpected(what: "not granted")
        }
        #expect(canceled.owner == StoreFixture.alice)
    }

    @Test("only an administrator can list the jobs of all users")
    func lists() async throws {
        let fixture = try StoreFixture()
        let first = try await fixture.submit()
        let second = try await fixture.submit(owner: StoreFixture.bob)
        func ids(_ caller: Caller, _ everybody: Bool) async throws -> [JobID] {
            try await fixture.store.jobs(JobQuery(everybody: everybody), for: caller).jobs.map(\.id)
        }
        #expect(try await ids(Self.admin, true) == [second, first])
        #expect(try await ids(Self.admin, false) == [])
        #expect(try await ids(Self.alice, true) == [first])
        let own = try await fixture.store.events(for: Self.alice, everybody: true, since: 0, limit: 10)
        #expect(own.map(\.job) == [first])
        let all = try await fixture.store.events(for: Self.admin, everybody: true, since: 0, limit: 10)
        #expect(all.map(\.job) == [first, second] && all.map(\.uid) == [1000, 1001])
    }

    @Test("a retry, also by an administrator, counts against the limit of the job's owner, and a limit hides nothing")
    func retryLimit() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.queuedJobs] = 1 }
        let id = try await fixture.submit()
        _ = try await fixture.store.cancel(id, by: Self.alice)
        try await fixture.submit()
        #expect(
            try await fixture.store.retry(id, by: Self.admin)
                == .overLimit(.init(kind: .queuedJobs, limit: 1, used: 1, asked: 1)))
        #expect(try await fixture.store.retry(JobID(rawValue: 99), by: Self.alice) == .noSuchJob)
    }

    @Test("only an administrator can pause; a pause survives a restart and keeps its first author")
    func pause() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        #expect(try await fixture.store.pause(by: Self.alice) == .notAllowed)
        #expect(try await fixture.store.pause(by: Self.admin) == .granted)
        let since = fixture.now
        fixture.pass(.seconds(60))
        let root = Caller(uid: 0, name: "root", isAdministrator: true)
        #expect(try await fixture.store.pause(by: root) == .unchanged)
        #expect(try await fixture.store.claim() == .nothing(until: nil))

        let again = try Store(path: fixture.path, now: { since })
        let queue = try await again.queue(of: StoreFixture.alice)
        #expect(queue.gate.pause == .init(since: since, uid: 7) && queue.pausedBy == "admin")
        try again.close()

        #expect(try await fixture.store.resume(by: Self.alice) == .notAllowed)
        #expect(try await fixture.store.resume(by: root) == .granted)
        #expect(try await fixture.store.resume(by: root) == .unchanged)
        _ = try await fixture.claim()
    }

    @Test("a resume of a held queue probes at once, even with the job whose call closed it")
    func resumeProbes() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        let claim = try await fixture.claim()
        _ = try await fixture.store.record(CallReport(outcome: .notSent(message: "no route")), of: claim)
        guard case .nothing(until: .some) = try await fixture.store.claim() else {
            throw StoreFixture.Unexpected(what: "not held")
        }
        let seen = fixture.store.signal.count
        #expect(try await fixture.store.resume(by: Self.admin) == .granted)
        #expect(fixture.store.signal.count > seen)
        #expect(try await fixture.claim().job == id)
        // Held until that probe succeeds.
        #expect(try await fixture.gate().hold != nil)
    }

    @Test("a resume leaves the pauses of single jobs alone")
    func resumeKeepsBackoff() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        let claim = try await fixture.claim()
        _ = try await fixture.store.record(
            CallReport(outcome: .serverError(APIError(status: 500, message: "x"))), of: claim)
        _ = try await fixture.store.pause(by: Self.admin)
        _ = try await fixture.store.resume(by: Self.admin)
        let job = try await fixture.job(claim.job)
        guard case .queued(notBefore: .some, afterBackoff: true) = job.lifecycle.state else {
            throw StoreFixture.Unexpected(what: "\(job.lifecycle.state)")
        }
    }

    @Test("of others' jobs, those that run come first, then the queue in the claim's order, then the rest")
    func others() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit(owner: StoreFixture.bob)
        _ = try await fixture.claim()
        try await fixture.submit(owner: StoreFixture.bob, notBefore: fixture.now + .seconds(3600))
        for _ in 0..<3 {
            try await fixture.submit(owner: StoreFixture.bob)
            try await fixture.submit()
        }
        let seen = try await fixture.store.othersJobs(than: Self.alice, state: nil, limit: 100)
        #expect(seen.allSatisfy { $0.owner == StoreFixture.bob })
        #expect(seen.map(\.state) == [.running, .queued, .queued, .queued, .queued])
        #expect(seen.first?.place == nil && seen.last?.place == nil)
        let mine = try await fixture.store.othersJobs(than: Self.bob, state: .queued, limit: 100)
        let places = (seen + mine).compactMap(\.place).sorted()
        #expect(places == [1, 2, 3, 4, 5, 6])
        #expect(try await fixture.store.othersJobs(than: Self.alice, state: .running, limit: 100).count == 1)
        #expect(try await fixture.store.othersJobs(than: Self.alice, state: nil, limit: 2).count == 2)
    }

    @Test("new settings apply from the next transaction on")
    func reload() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.queuedJobs] = 1 }
        try await fixture.submit()
        let order = Store.Order(owner: StoreFixture.alice, request: StoreFixture.request())
        #expect(
            try await fixture.store.submit(order) == .overLimit(.init(kind: .queuedJobs, limit: 1, used: 1, asked: 1)))
        var policy = StorePolicy()
        policy.limits.standard[.queuedJobs] = 2
        fixture.store.reload(policy)
        try await fixture.submit()
        #expect(
            try await fixture.store.submit(order) == .overLimit(.init(kind: .queuedJobs, limit: 2, used: 2, asked: 1)))
    }

    @Test("the event log keeps its lines and never gives a number twice when its table is rebuilt")
    func migration() throws {
        let directory = try TemporaryDirectory()
        let queue = try DatabaseQueue(path: directory.path("queue.sqlite"))
        let name = try #require(Migration.all.firstIndex { $0.name == "0003_access" })
        try queue.write { db in
            for migration in Migration.all[..<name] { try db.execute(sql: migration.sql) }
            for kind in ["submitted", "claimed", "done"] {
                try db.execute(
                    sql: "INSERT INTO events (at, job, uid, actor, kind, state) VALUES (1, 5, 1000, NULL, ?, 'done')",
                    arguments: [kind])
            }
            // The newest event is pruned; its number is not used again.
            try db.execute(sql: "DELETE FROM events WHERE id = 3")
            try db.execute(sql: Migration.all[name].sql)
            try db.execute(sql: "INSERT INTO events (at, kind) VALUES (2, 'paused')")
            #expect(try Int64.fetchAll(db, sql: "SELECT id FROM events ORDER BY id") == [1, 2, 4])
            #expect(try String.fetchAll(db, sql: "SELECT kind FROM events") == ["submitted", "claimed", "paused"])
            #expect(try String.fetchAll(db, sql: "PRAGMA integrity_check") == ["ok"])
            #expect(throws: DatabaseError.self) {
                try db.execute(sql: "INSERT INTO events (at, job, kind) VALUES (2, 5, 'done')")
            }
        }
    }
}
