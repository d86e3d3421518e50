import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Recording the result of a call")
struct CallRecordTests {
    @Test("a write of an earlier attempt changes nothing")
    func fence() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        let first = try await fixture.claim()
        _ = try await fixture.store.record(CallReport(outcome: .unknown(APIError(message: "reset"))), of: first)
        _ = try await fixture.store.retry(id, uid: StoreFixture.alice.uid)
        let second = try await fixture.claim()
        #expect(second.attempt == 2)
        let before = try await fixture.job(id)
        #expect(
            try await fixture.store.record(StoreFixture.answered(1), of: first, pictures: fixture.links(1)) == .stale)
        #expect(try await fixture.job(id) == before)
        #expect(try fixture.ledger(id) == ["unknown", "reserved"])
    }

    @Test("the ledger keeps a call's cost, requested images and result, and never changes once settled")
    func ledger() async throws {
        let fixture = try StoreFixture { $0.prices = ["m": .init(micros: 80_000, currency: "USD")] }
        try await fixture.submit(n: 2)
        let claim = try await fixture.claim()
        let columns = "billing || ' ' || images_wanted || ' ' || price || ' ' || currency"
        #expect(try fixture.query(String.self, "SELECT \(columns) FROM attempts") == "reserved 2 80000 USD")
        _ = try await fixture.store.record(StoreFixture.answered(2), of: claim, pictures: fixture.links(2))
        #expect(
            try fixture.query(String.self, "SELECT \(columns) || ' ' || images_came || ' ' || request_id FROM attempts")
                == "billed 2 80000 USD 2 req-1")
        #expect(throws: (any Error).self) { try fixture.raw("UPDATE attempts SET billing = 'not_billed'") }
        #expect(try fixture.query(String.self, "SELECT images || ' ' || spent FROM usage") == "2 160000")
        #expect(try await fixture.store.queue(of: StoreFixture.alice).usage.use.today.images == 2)
        #expect(try await fixture.store.queue(of: StoreFixture.bob).usage.use.today.images == 0)
    }

    @Test("fewer pictures than asked for is still done, with a warning that says how many came")
    func fewer() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit(n: 4)
        let advance = try await fixture.store.record(
            StoreFixture.answered(3), of: fixture.claim(),
            pictures: [
                .saved(StoreFixture.stored("a")), .saved(StoreFixture.stored("b")), .saved(StoreFixture.stored("c")),
            ])
        #expect(advance == .advanced(.done))
        #expect(try await fixture.job(id).lifecycle.state.warning == "3 of 4 pictures came")
    }

    @Test(
        "the reason why an answer broke off is in the job's end, even if its links were fetched later",
        arguments: [
            (2, 2, "All 2 pictures came; the answer was cut off: reset"),
            (2, 1, "1 of 2 pictures came; the answer was cut off: reset"),
            (1, 1, "The picture came; the answer was cut off: reset"),
        ])
    func brokeOff(wanted: Int, came: Int, warning: String) async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit(n: wanted)
        var report = StoreFixture.answered(came)
        guard case .answered(var answer) = report.outcome else { return }
        answer.defect = "reset"
        report.outcome = .answered(answer)
        _ = try await fixture.store.record(report, of: fixture.claim(), pictures: fixture.links(came))
        for picture in try await fixture.duePictures() {
            _ = try await fixture.store.savePicture(picture, as: StoreFixture.stored())
        }
        #expect(try await fixture.job(id).lifecycle.state.warning == warning)
        #expect(try await fixture.job(id).ledger.first?.message == "reset")
    }

    @Test("an answer of a dead process is recorded once, in the attempt that it belongs to")
    func takenBack() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        let claim = try await fixture.claim()
        #expect(try await fixture.store.recover(keeping: [claim.call]) == [])
        #expect(try await fixture.store.isCalling(claim.call))
        let other = CallID(job: id, attempt: 2)
        #expect(try await fixture.store.isCalling(other) == false)
        let pictures = try [NewPicture.saved(StoreFixture.stored())]
        let report = StoreFixture.answered(1)
        #expect(try await fixture.store.takeBack(report, of: other, pictures: pictures) == .stale)
        #expect(try await fixture.store.takeBack(report, of: claim.call, pictures: pictures) == .advanced(.done))
        #expect(try await fixture.store.takeBack(report, of: claim.call, pictures: pictures) == .stale)
        #expect(try await fixture.store.isCalling(claim.call) == false)
        #expect(try fixture.ledger(id) == ["billed"])
        #expect(try await fixture.job(id).pictures.count == 1)
    }

    @Test("a retry keeps the earlier attempt's pictures and numbers new ones after them")
    func retryKeepsPictures() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit(n: 2)
        _ = try await fixture.store.record(
            StoreFixture.answered(2), of: fixture.claim(),
            pictures: [.saved(StoreFixture.stored("a")), .lost(link: "ftp://x", message: "no")])
        _ = try await fixture.store.retry(id, uid: StoreFixture.alice.uid)
        _ = try await fixture.store.record(
            StoreFixture.answered(2), of: fixture.claim(),
            pictures: [.saved(StoreFixture.stored("b")), .saved(StoreFixture.stored("c"))])
        let job = try await fixture.job(id)
        #expect(job.lifecycle.state == .done(warning: nil))
        #expect(job.pictures.map(\.index) == [1, 2, 3, 4])
        #expect(job.pictures.map(\.attempt) == [1, 1, 2, 2])
        #expect(
            try await fixture.store.picture(of: id, index: 3, uid: StoreFixture.alice.uid)
                == ReadableContent(StoreFixture.stored("b")))
        #expect(try await fixture.store.picture(of: id, index: 2, uid: StoreFixture.alice.uid) == nil)
        #expect(try await fixture.store.picture(of: id, index: 3, uid: StoreFixture.bob.uid) == nil)
    }

    @Test("the counts of an owner's jobs match the jobs")
    func counts() async throws {
        let fixture = try StoreFixture()
        for _ in 0..<6 { try await fixture.submit() }
        _ = try await fixture.store.record(
            StoreFixture.answered(1), of: fixture.claim(), pictures: [.saved(StoreFixture.stored())])
        _ = try await fixture.store.record(CallReport(outcome: .rejected(APIError(message: "no"))), of: fixture.claim())
        _ = try await fixture.claim()
        let counts = try await fixture.store.queue(of: StoreFixture.alice).counts
        #expect(counts == [.queued: 3, .running: 1, .done: 1, .failed: 1])
        for (state, count) in counts {
            #expect(try fixture.query(Int.self, "SELECT count(*) FROM jobs WHERE state = '\(state.rawValue)'") == count)
        }
    }

    @Test("the event log has every step in order, only for its owner, and can be read from any number")
    func events() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        try await fixture.submit(owner: StoreFixture.bob)
        _ = try await fixture.store.record(StoreFixture.answered(1), of: fixture.claim(), pictures: fixture.links(1))
        let picture = try #require(try await fixture.duePictures().first)
        _ = try await fixture.store.savePicture(picture, as: StoreFixture.stored())
        let events = try await fixture.store.events(uid: StoreFixture.alice.uid, since: 0, limit: 100)
        #expect(events.map(\.kind) == [.submitted, .claimed, .answered, .pictureSaved, .done])
        #expect(events.allSatisfy { $0.job == id })
        let rest = try await fixture.store.events(uid: StoreFixture.alice.uid, since: events[2].id, limit: 100)
        #expect(rest == Array(events[3...]))
        fixture.pass(.seconds(31 * 86_400))
        #expect(try await fixture.store.pruneEvents() == 6)
    }
}
