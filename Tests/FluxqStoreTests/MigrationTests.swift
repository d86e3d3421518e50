import FluxqMigrations
import FluxqModel
import FluxqTestSupport
import Foundation
import GRDB
import Testing

@testable import FluxqStore

@Suite("Migrations of existing databases")
struct MigrationTests {
    /// 2025-06-15, in days since 1970.
    private static let day: Int64 = 20_254
    private static let begun = day * 86_400_000 + 1000

    /// A database as the first version left it: jobs in every state, calls with every end, pictures and inputs.
    private static let old = """
        INSERT INTO owners (uid, name) VALUES (1000, 'alice'), (1001, 'bob');
        INSERT INTO inputs (uid, hash, media_type, width, height, bytes, brought_at, used) VALUES
            (1000, '\(hash("a"))', 'image/png', 1, 1, 100, 1, 1), (1000, '\(hash("b"))', 'image/png', 1, 1, 20, 1, 0);
        INSERT INTO jobs (id, uid, priority, request, on_unknown, state, not_before, created_at) VALUES
            (1, 1000, 0, '\(request(4))', 'fail', 'queued', NULL, 1),
            (2, 1000, 5, '\(request(1))', 'fail', 'queued', NULL, 1),
            (3, 1000, 0, '\(request(1))', 'fail', 'queued', \(begun + 3_600_000), 1);
        INSERT INTO jobs (id, uid, priority, request, on_unknown, state, phase, attempt, attempts, created_at, started_at) VALUES
            (4, 1000, 0, '\(request(2))', 'fail', 'running', 'calling', 1, 1, 1, \(begun));
        INSERT INTO attempts (job, number, billing, images_wanted, price, currency, begun_at) VALUES
            (4, 1, 'reserved', 2, 80000, 'USD', \(begun));
        INSERT INTO jobs (id, uid, priority, request, on_unknown, state, attempt, attempts, created_at, started_at, finished_at)
            VALUES (5, 1000, 0, '\(request(2))', 'fail', 'done', 1, 1, 1, \(begun), \(begun + 86_400_000));
        INSERT INTO attempts (job, number, billing, images_wanted, price, currency, begun_at) VALUES
            (5, 1, 'reserved', 2, 80000, 'USD', \(begun));
        UPDATE attempts SET billing = 'billed', settled_at = \(begun + 86_400_000), outcome = 'answered', images_came = 2
            WHERE job = 5;
        INSERT INTO pictures (job, position, attempt, state, hash, media_type, width, height, bytes) VALUES
            (5, 1, 1, 'saved', '\(hash("c"))', 'image/png', 1, 1, 1000), (5, 2, 1, 'saved', '\(hash("a"))', 'image/png', 1, 1, 100);
        INSERT INTO jobs
            (id, uid, priority, request, on_unknown, state, reason, message, attempt, attempts, created_at, started_at, finished_at)
            VALUES (6, 1001, 0, '\(request(3))', 'fail', 'failed', 'outcome_unknown', 'm', 1, 1, 1, \(begun), \(begun));
        INSERT INTO attempts (job, number, billing, images_wanted, begun_at) VALUES (6, 1, 'reserved', 3, \(begun));
        UPDATE attempts SET billing = 'unknown', settled_at = \(begun), outcome = 'unknown' WHERE job = 6;
        """

    private static func hash(_ digit: String) -> String { String(repeating: digit, count: 64) }

    private static func request(_ n: Int) -> String {
        #"{"model":"m","prompt":"p","n":\#(n),"seed":1,"response_format":"url"}"#
    }

    @Test("a database of the first version keeps its jobs, and counts start with its rows")
    func limits() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        let queue = try DatabaseQueue(path: path)
        var migrator = DatabaseMigrator()
        let first = Migration.all[0]
        migrator.registerMigration(first.name) { db in try db.execute(sql: first.sql) }
        try migrator.migrate(queue)
        try await queue.write { db in try db.execute(sql: Self.old) }
        try queue.close()

        let now = Timestamp(rawValue: Self.begun + 60_000)
        var policy = StorePolicy()
        policy.prices = ["m": .init(micros: 80_000, currency: "USD")]
        let store = try Store(path: path, policy: policy, now: { now })
        let alice = User(uid: 1000, name: "alice")
        let usage = try await store.usage(of: alice)
        #expect(usage.use.queued == 3 && usage.use.running == 1)
        // Jobs in every state count their size.
        let held = try await DatabaseQueue(path: path).read { db in
            try Int64.fetchOne(db, sql: "SELECT sum(bytes) FROM job_text JOIN jobs ON id = job WHERE uid = 1000")
        }
        #expect(usage.use.keptBytes == held && held.map { $0 > 5 * 512 } == true)
        #expect(usage.use.archiveBytes == 1220 && usage.use.unusedInputBytes == 20)
        // By the day on which the calls began, whatever day they ended.
        #expect(
            usage.use.today == .init(images: 2, reservedImages: 2, spent: 160_000, reserved: 160_000)
                && usage.use.month == usage.use.today)
        let bob = try await store.usage(of: User(uid: 1001, name: "bob"))
        #expect(bob.use.today == .init(unknownImages: 3))
        #expect(try await store.job(JobID(rawValue: 2), for: Caller(alice))?.place?.place == 1)
        #expect(try await store.job(JobID(rawValue: 1), for: Caller(alice))?.place?.place == 2)

        #expect(try await store.recover() == [JobID(rawValue: 4)])
        let recovered = try await store.usage(of: alice).use.today
        #expect(recovered == .init(images: 2, unknownImages: 2, spent: 160_000, unknown: 160_000))
        var claims: [Int64] = []
        while case .claimed(let claim) = try await store.claim() { claims.append(claim.job.rawValue) }
        #expect(claims == [2, 1])
        #expect(try await store.claim() == .nothing(until: Timestamp(rawValue: Self.begun + 3_600_000)))
        try store.close()
    }

    /// The additions of the version before lanes: fair share, a hold, a rate limit, a learnt pace, and models of their
    /// own.
    private static let beforeLanes = """
        UPDATE jobs SET request = '{"model":"other","prompt":"p","n":3,"seed":1,"response_format":"url"}' WHERE id = 1;
        UPDATE owners SET virtual_time = 7000000, last_turn = 3 WHERE uid = 1000;
        UPDATE queue SET virtual_time = 5000000, turns = 3, last_call_at = \(begun), held_cause = 'account', held_at = \(begun),
            held_message = 'no money', probes = 2, checked_at = \(begun + 5), probe_at = \(begun + 90_000),
            rate_limited_at = \(begun), rate_limited_until = \(begun + 1000), rate_limits = 1, pace = 2,
            paused_at = \(begun), paused_by = 7, housekeeping_at = 9;
        """

    @Test("a database from before lanes keeps its jobs, shares, hold and pace, separately for each lane")
    func lanes() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        let queue = try DatabaseQueue(path: path)
        var migrator = DatabaseMigrator()
        for migration in Migration.all.prefix(7) {
            migrator.registerMigration(migration.name) { db in
                try db.execute(sql: migration.sql)
                if migration.name == "0001_jobs" { try db.execute(sql: Self.old) }
            }
        }
        try migrator.migrate(queue)
        try await queue.write { db in try db.execute(sql: Self.beforeLanes) }
        try queue.close()

        let now = Timestamp(rawValue: Self.begun + 60_000)
        let store = try Store(path: path, now: { now })
        func rows(_ sql: String) async throws -> [String] {
            try await DatabaseQueue(path: path).read { db in
                try GRDB.Row.fetchAll(db, sql: sql).map { row in
                    row.map { "\($0.1)" }.joined(separator: " ").replacingOccurrences(of: "\"", with: "")
                }
            }
        }
        #expect(
            try await rows("SELECT id, endpoint, model, images FROM jobs ORDER BY id") == [
                "1 default other 3", "2 default m 1", "3 default m 1", "4 default m 2", "5 default m 2",
                "6 default m 3",
            ])
        #expect(
            try await rows("SELECT * FROM lines ORDER BY model")
                == ["default m 1000 1 \(Self.begun + 3_600_000)", "default other 1000 1 NULL"])
        #expect(try await rows("SELECT * FROM shares") == ["1000 default 7000000 3"])
        #expect(try await rows("SELECT * FROM endpoints") == ["default 5000000 3 \(Self.begun)"])
        #expect(try await rows("SELECT * FROM queue") == ["1 \(Self.begun) 7 NULL NULL NULL"])
        for model in ["m", "other"] {
            let gate = try await store.gate(of: Lane(endpoint: Lane.defaultEndpoint, model: model))
            #expect(gate.hold?.cause == .account && gate.hold?.message == "no money" && gate.hold?.probes == 2)
            #expect(gate.rateLimit?.until == Timestamp(rawValue: Self.begun + 1000) && gate.pace.limit == 2)
        }
        _ = try await store.recover()
        #expect(try await store.resume(by: Caller(uid: 7, name: "admin", isAdministrator: true)) == .granted)
        var claims: [Int64] = []
        while case .claimed(let claim) = try await store.claim() {
            claims.append(claim.job.rawValue)
            _ = try await store.record(CallReport(outcome: .rejected(APIError(message: "no"))), of: claim)
        }
        #expect(claims == [2, 1])
        let defects = try await ReadOnlyStore(path: path).defects()
        #expect(defects == [])
        try store.close()
    }

    /// Jobs of every end with messages, as versions before coded messages wrote them.
    private static let worded = #"""
        INSERT INTO jobs (id, uid, priority, request, on_unknown, state, attempt, attempts, created_at, started_at, finished_at,
                warning)
            VALUES (7, 1000, 0, '\#(request(2))', 'fail', 'done', 1, 1, 1, 1, 1, '1 of 2 pictures came');
        INSERT INTO jobs (id, uid, priority, request, on_unknown, state, phase, attempt, attempts, created_at, started_at)
            VALUES (8, 1000, 0, '\#(request(1))', 'fail', 'running', 'archiving', 1, 1, 1, 1);
        INSERT INTO attempts (job, number, billing, images_wanted, begun_at) VALUES (7, 1, 'reserved', 2, 1), (8, 1, 'reserved', 1, 1);
        UPDATE attempts SET billing = 'billed', settled_at = 1, outcome = 'answered', images_came = 2,
            message = 'it said: {"noEndpoint":{"named":"x"}}' || char(10) || 'and "no"' WHERE job = 7;
        UPDATE attempts SET billing = 'billed', settled_at = 1, outcome = 'answered', images_came = 1 WHERE job = 8;
        INSERT INTO pictures (job, position, attempt, state, message, hash, media_type, width, height, bytes) VALUES
            (7, 1, 1, 'saved', 'ends without its end mark', '\#(hash("c"))', 'image/png', 1, 1, 1000),
            (7, 2, 1, 'unusable', '{"noLinkLeft":{}}', NULL, NULL, NULL, NULL, NULL);
        INSERT INTO pictures (job, position, attempt, state, message, link, deadline, next_try_at) VALUES
            (8, 1, 1, 'pending', 'HTTP 503', 'https://example.org/1.png', \#(begun + 100_000), 2);
        """#

    @Test("messages that earlier versions wrote in words stay as they were worded")
    func messages() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        let queue = try DatabaseQueue(path: path)
        var migrator = DatabaseMigrator()
        for migration in Migration.all.prefix(while: { $0.name != "0018_messages" }) {
            migrator.registerMigration(migration.name) { db in
                try db.execute(sql: migration.sql)
                if migration.name == "0001_jobs" { try db.execute(sql: Self.old + Self.worded) }
            }
        }
        try migrator.migrate(queue)
        try await queue.write { db in
            let came = """
                UPDATE pictures SET came = '\(Self.hash("d"))', came_bytes = 5, came_tries = 1, came_message = 'HTML'
                    WHERE state = 'pending';
                UPDATE lanes SET held_cause = 'account', held_at = 1, held_message = 'no "money"', checked_at = 1, probe_at = 1
                    WHERE model = 'm';
                """
            try db.execute(sql: came)
        }
        try queue.close()

        let now = Timestamp(rawValue: Self.begun + 60_000)
        let store = try Store(path: path, now: { now })
        let alice = Caller(User(uid: 1000, name: "alice"))
        let done = try #require(try await store.job(JobID(rawValue: 7), for: alice))
        #expect(done.lifecycle.state == .done(warning: "1 of 2 pictures came"))
        #expect(done.ledger.first?.message == "it said: {\"noEndpoint\":{\"named\":\"x\"}}\nand \"no\"")
        guard case .saved(let flawed) = done.pictures[0].state else {
            Issue.record("\(done.pictures)")
            return
        }
        #expect(flawed.flaw == "ends without its end mark")
        #expect(done.pictures[1].state == .unusable(nil, message: .said(#"{"noLinkLeft":{}}"#)))
        let failed = try await store.job(JobID(rawValue: 6), for: Caller(User(uid: 1001, name: "bob")))
        #expect(failed?.lifecycle.state == .failed(.init(reason: .outcomeUnknown, message: "m")))
        let gate = try await store.gate(of: Lane(endpoint: Lane.defaultEndpoint, model: "m"))
        #expect(gate.hold?.message == "no \"money\"")

        let due = try #require(try await store.duePictures(limit: 1).due.first)
        #expect(due.download.message == "HTTP 503")
        // Its last try: what came before is kept, with what was said of it then.
        _ = try await store.cancel(JobID(rawValue: 8), by: alice)
        let kept = try #require(try await store.job(JobID(rawValue: 8), for: alice))
        #expect(kept.pictures[0].state == .unusable(ContentHash(hex: Self.hash("d")), message: "HTML"))
        #expect(try await ReadOnlyStore(path: path).defects() == [])
        let held = try await DatabaseQueue(path: path).read { db in
            try Int64.fetchOne(db, sql: "SELECT sum(bytes) FROM job_text JOIN jobs ON id = job WHERE uid = 1000")
        }
        #expect(try await store.usage(of: User(uid: 1000, name: "alice")).use.keptBytes == held)
        try store.close()
    }
}
