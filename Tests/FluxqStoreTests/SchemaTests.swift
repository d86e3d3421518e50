import FluxqModel
import FluxqTestSupport
import Foundation
import GRDB
import Testing

@testable import FluxqStore

@Suite("The database")
struct SchemaTests {
    @Test("an acknowledged commit survives a power cut: WAL and synchronous=FULL, foreign keys enforced")
    func durability() async throws {
        let fixture = try StoreFixture()
        let pragmas = try await fixture.store.write { transaction in
            [
                try transaction.row("PRAGMA journal_mode")?.first, try transaction.row("PRAGMA synchronous")?.first,
                try transaction.row("PRAGMA foreign_keys")?.first,
            ]
        }
        #expect(pragmas == [.text("wal"), .integer(2), .integer(1)])
    }

    @Test("the undo data of a single statement is in memory, not in a temporary file for each one")
    func statementJournal() async throws {
        let fixture = try StoreFixture()
        let place = try await fixture.store.write { transaction in
            try transaction.value(Int.self, "PRAGMA temp_store")
        }
        #expect(place == 2)
    }

    @Test("every table is STRICT")
    func strict() throws {
        let fixture = try StoreFixture()
        let loose = try fixture.query(
            String.self,
            "SELECT group_concat(name) FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'grdb%'"
        )
        #expect(loose == nil)
    }

    @Test(
        "an impossible row is refused",
        arguments: [
            "UPDATE jobs SET state = 'finished'",
            "UPDATE jobs SET state = 'running'",
            "UPDATE jobs SET state = 'running', phase = 'calling'",
            "UPDATE jobs SET phase = 'calling'",
            "UPDATE jobs SET state = 'failed', finished_at = 1",
            "UPDATE jobs SET state = 'failed', finished_at = 1, reason = 'bored', message = ''",
            "UPDATE jobs SET state = 'failed', reason = 'canceled', message = ''",
            "UPDATE jobs SET state = 'done', finished_at = 1",
            "UPDATE jobs SET finished_at = 1",
            "UPDATE jobs SET warning = 'x'",
            "UPDATE jobs SET error = '{}'",
            "UPDATE jobs SET cancel_requested = 1",
            "UPDATE jobs SET attempts = 1",
            "UPDATE jobs SET strikes = 1",
            "UPDATE jobs SET priority = 101",
            "UPDATE jobs SET request = 'not json'",
            "UPDATE jobs SET key = 'k'",
            "UPDATE jobs SET uid = 4242",
            "UPDATE jobs SET input = 'nobody has it'",
            "UPDATE jobs SET created_at = 'today'",
            "INSERT INTO attempts (job, number, billing, images_wanted, begun_at) VALUES (1, 1, 'billed', 1, 1)",
            "INSERT INTO attempts (job, number, billing, images_wanted, begun_at) VALUES (99, 1, 'reserved', 1, 1)",
            "INSERT INTO pictures (job, position, attempt, state) VALUES (1, 1, 1, 'pending')",
            "INSERT INTO queue (id) VALUES (2)",
            "INSERT INTO lanes (endpoint, model, held_cause) VALUES ('e', 'm', 'account')",
            "INSERT INTO lanes (endpoint, model, held_cause, held_at, held_message, probe_at, checked_at) VALUES ('e', 'm', 'bored', 1, '', 1, 1)",
            "INSERT INTO lanes (endpoint, model, rate_limited_until) VALUES ('e', 'm', 1)",
            "INSERT INTO lanes (endpoint, model, pace) VALUES ('e', 'm', 0)",
            "INSERT INTO lanes (endpoint, model, evidence) VALUES ('e', 'm', 'none')",
            "INSERT INTO endpoints (name, virtual_time) VALUES ('e', -1)",
            "INSERT INTO shares (uid, endpoint) VALUES (4242, 'e')",
            "UPDATE lines SET ready = -1",
            "UPDATE jobs SET images = 0",
            "UPDATE jobs SET model = 'other'",
            "UPDATE owners SET queued = -1",
            "UPDATE owners SET archive_bytes = -1",
            "UPDATE owners SET unused_input_bytes = archive_bytes + 1",
            "UPDATE owners SET groups = 'wheel'",
            "INSERT INTO usage (uid, day, reserved) VALUES (1000, 1, -1)",
            "INSERT INTO usage (uid, day, unknown_images) VALUES (1000, 1, -1)",
        ])
    func impossible(_ sql: String) async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        #expect(throws: DatabaseError.self) { try fixture.raw(sql) }
    }

    @Test("a job has at most one open attempt")
    func oneOpenAttempt() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        _ = try await fixture.claim()
        #expect(throws: DatabaseError.self) {
            try fixture.raw(
                "INSERT INTO attempts (job, number, billing, images_wanted, begun_at) VALUES (1, 2, 'reserved', 1, 1)")
        }
    }

    @Test("a picture belongs to a call that was billed, and to no other")
    func bought() async throws {
        let fixture = try StoreFixture()
        let insert = """
            INSERT INTO pictures (job, position, attempt, state, link, deadline, next_try_at)
            VALUES (1, 1, 1, 'pending', 'https://x', 1, 1)
            """
        try await fixture.submit()
        #expect(throws: DatabaseError.self) { try fixture.raw(insert) }
        let claim = try await fixture.claim()
        #expect(throws: DatabaseError.self) { try fixture.raw(insert) }
        _ = try await fixture.store.record(CallReport(outcome: .unknown(APIError(message: "reset"))), of: claim)
        #expect(throws: DatabaseError.self) { try fixture.raw(insert) }
    }

    @Test("the reservation for a call never changes, so that settling returns exactly that")
    func terms() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        _ = try await fixture.claim()
        for change in ["images_wanted = 2", "price = 1, currency = 'USD'", "begun_at = 1", "job = 2"] {
            #expect(throws: DatabaseError.self) { try fixture.raw("UPDATE attempts SET \(change)") }
        }
    }

    @Test("a database of a newer fluxq is refused by name and left unchanged")
    func newer() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        try fixture.raw("INSERT INTO grdb_migrations (identifier) VALUES ('9999_from_the_future')")
        #expect(
            throws: StoreError.newerSchema(path: fixture.path, migrations: ["9999_from_the_future"])
        ) { try Store(path: fixture.path, now: { Timestamp(rawValue: 0) }) }
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM jobs") == 1)
    }

    @Test("a file that is no database is refused")
    func noDatabase() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("queue.sqlite")
        try String(repeating: "not a database ", count: 100).write(toFile: path, atomically: false, encoding: .utf8)
        do {
            _ = try Store(path: path, now: { Timestamp(rawValue: 0) })
            Issue.record("opened")
        } catch StoreError.damaged {}
    }

    @Test("an administrator's lists use an index, newest first, however many jobs have ended; so does content in use")
    func lists() async throws {
        let fixture = try StoreFixture()
        let list = "SELECT \(JobRow.document) FROM jobs JOIN owners USING (uid) WHERE TRUE"
        let newest = "ORDER BY jobs.id DESC LIMIT 51"
        for page in ["", "AND jobs.id < 7"] {
            let plan = try fixture.plan("\(list) AND jobs.state = 'done' \(page) \(newest)")
            #expect(plan.contains("USING INDEX jobs_by_state") && !plan.contains("TEMP B-TREE"), "\(plan)")
        }
        for condition in ["", "AND (jobs.state || '') = 'failed'", "AND jobs.id < 7"] {
            let plan = try fixture.plan("\(list) AND jobs.label = 'x' \(condition) \(newest)")
            #expect(plan.contains("USING INDEX jobs_by_label") && !plan.contains("TEMP B-TREE"), "\(plan)")
        }
        // The jobs of others that any user may see: only those of one state.
        for condition in [OthersJob.runs, OthersJob.waits] {
            let others = try fixture.plan(OthersJob.query(condition).replacing("?", with: "1"))
            #expect(others.contains("SEARCH jobs USING COVERING INDEX jobs_by_state (state=?)"), "\(others)")
            #expect(!others.contains("SCAN") && !others.contains("TEMP B-TREE"), "\(others)")
        }
        let one = try fixture.plan(OthersJob.query(OthersJob.isNumber).replacing("?", with: "1"))
        #expect(one.contains("SEARCH jobs USING INTEGER PRIMARY KEY") && !one.contains("SCAN"), "\(one)")
        let use = try fixture.plan("SELECT 1 FROM content_in_use WHERE hash = 'a' LIMIT 1")
        for index in ["pictures_by_hash", "pictures_damaged", "inputs_by_hash"] { #expect(use.contains(index)) }
        #expect(!use.contains("SCAN pictures") && !use.contains("SCAN inputs"))
    }

    @Test("live states are found by partial indexes, so history does not slow a claim")
    func plans() async throws {
        let fixture = try StoreFixture()
        func plan(_ sql: String) throws -> String { try fixture.plan(sql) }
        // A lane's claim: the owner's first job, due owners, and the update when a job becomes due.
        let lane = "uid = 1 AND endpoint = 'e' AND model = 'm'"
        #expect(
            try plan(Transaction.firstJobOfOwner.replacingOccurrences(of: "?", with: "1"))
                .contains("INDEX jobs_ready_of_owner (uid=? AND endpoint=? AND model=?)"))
        #expect(
            try plan(
                "SELECT min(not_before) FROM jobs WHERE \(lane) AND state = 'queued' AND not_before IS NOT NULL"
            ).contains(
                "INDEX jobs_timed_of_owner (uid=? AND endpoint=? AND model=? AND not_before>?)"))
        #expect(
            try plan(Transaction.dueOwners.replacingOccurrences(of: "?", with: "1"))
                == "SEARCH lines USING INDEX lines_due (timed_at>? AND timed_at<?)")
        #expect(
            try plan("SELECT min(timed_at) FROM lines WHERE ready = 0 AND timed_at IS NOT NULL").contains("lines_due"))
        // The query for lanes steps from one lane to the next, past all jobs and owners of each.
        #expect(!(try plan(GateReader.lanesWithJobs).contains("jobs")))
        for running in [
            "SELECT count(*) FROM jobs WHERE phase = 'calling' AND uid = 1",
            "SELECT endpoint, model, count(*) AS calls FROM jobs WHERE phase = 'calling' GROUP BY endpoint, model",
            "SELECT 1 FROM jobs WHERE phase = 'archiving' AND endpoint = 'e' AND model = 'm' LIMIT 1",
        ] {
            #expect(try plan(running).contains("INDEX jobs_running (phase=?"))
        }
        for backingOff in [
            "SELECT id, uid, endpoint, model FROM jobs WHERE after_backoff = 1 AND started_at > 5 LIMIT 100",
            "SELECT id, uid FROM jobs WHERE after_backoff = 1 AND endpoint = 'e' AND model = 'm' AND not_before >= 5",
        ] {
            #expect(try plan(backingOff).contains("INDEX jobs_backing_off"))
        }
        #expect(
            try plan(
                "SELECT * FROM pictures WHERE state = 'pending' AND next_try_at <= 1 ORDER BY deadline, job, position LIMIT 1"
            )
            .contains("pictures_"))
    }
}

extension StoreFixture {
    /// Runs statements without the store, as no part of fluxq does.
    func raw(_ sql: String) throws {
        try DatabaseQueue(path: path).write { db in try db.execute(sql: sql) }
    }
}
