import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Forgetting ended jobs")
struct ForgetTests {
    private static let alice = StoreFixture.alice

    private func query(
        _ fixture: StoreFixture, ids: [JobID]? = nil, label: String? = nil, state: JobState? = nil
    ) -> ForgetQuery {
        ForgetQuery(ids: ids, label: label, state: state, endedBefore: fixture.now + .seconds(1))
    }

    @discardableResult
    private func forget(
        _ fixture: StoreFixture, _ query: ForgetQuery, of owner: User = alice
    ) async throws -> ForgottenSum {
        try await fixture.store.forget(query, of: owner.uid, by: owner.uid).sum
    }

    private func soundness(_ fixture: StoreFixture) async throws {
        let defects = try await ReadOnlyStore(path: fixture.path).defects()
        #expect(defects == [])
    }

    @Test("deletes a job's rows and events, leaves its content to the housekeeper, and logs an event")
    func rows() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        _ = try await fixture.claimAndAnswer()
        let other = try await fixture.submit(owner: StoreFixture.bob)
        let kept = try await fixture.store.usage(of: Self.alice).use.keptBytes
        #expect(kept > 512)
        let preview = try await fixture.store.previewForgetting(query(fixture, ids: [id, other]), of: 1000)
        #expect(preview.sum.jobs == 1 && preview.sum.pictures == 1 && preview.sum.bytes == 1234)
        #expect(preview.sum.textBytes == kept && preview.staying == [other: .noSuchJob])
        #expect(try await forget(fixture, query(fixture, ids: [id, other])) == preview.sum)
        #expect(try await fixture.store.job(id, uid: 1000) == nil)
        #expect(try await fixture.store.job(other, uid: 1001) != nil)
        for table in ["jobs WHERE id", "attempts WHERE job", "pictures WHERE job"] {
            #expect(try fixture.query(Int.self, "SELECT count(*) FROM \(table) = \(id)") == 0, "\(table)")
        }
        let events = try await fixture.store.events(uid: 1000, since: 0, limit: 100)
        #expect(events.map(\.kind) == [.forgotten] && events.map(\.actor) == [1000] && events.map(\.job) == [id])
        #expect(try await fixture.store.leftContent(after: nil) == [try StoreFixture.stored().hash])
        let use = try await fixture.store.usage(of: Self.alice).use
        #expect(use.archiveBytes == 0 && use.keptBytes == Transaction.forgottenEventBytes)
        try await soundness(fixture)
        // The remaining event counts until it is pruned.
        fixture.pass(.seconds(31 * 86_400))
        while try await fixture.store.pruneEvents() > 0 {}
        #expect(try await fixture.store.usage(of: Self.alice).use.keptBytes == 0)
        try await soundness(fixture)
    }

    @Test("returns no spending, certain or possible, to any limit", arguments: [true, false])
    func books(isBilled: Bool) async throws {
        let fixture = try StoreFixture { policy in
            policy.prices = ["m": .init(micros: 80_000, currency: "USD")]
            policy.limits.standard[.imagesPerDay] = 2
        }
        try await fixture.submit(n: 2)
        try await fixture.end(try await fixture.claim(), isBilled ? .billed : .unknown)
        let before = try await fixture.store.usage(of: Self.alice)
        #expect(before.use.today.allImages == 2 && before.use.today.allSpend == 160_000)
        #expect(try await forget(fixture, query(fixture)).jobs == 1)
        let after = try await fixture.store.usage(of: Self.alice)
        #expect(
            after.use.today == before.use.today && after.use.month == before.use.month && after.money == before.money)
        try await fixture.submit()
        #expect(try await fixture.store.claim() == .nothing(until: UTCDay(fixture.now).next.start))
        try await soundness(fixture)
    }

    @Test("keeps jobs that have not ended, wait for a picture, or belong to another user")
    func staying() async throws {
        let fixture = try StoreFixture()
        let queued = try await fixture.submit(priority: -1)
        let archiving = try await fixture.submit(priority: 1)
        _ = try await fixture.store.record(
            StoreFixture.answered(1), of: try await fixture.claim(), pictures: fixture.links(1))
        let calling = try await fixture.submit(priority: 1)
        _ = try await fixture.claim()
        let damaged = try await fixture.submit(priority: 1)
        let link = NewPicture.link("https://h/1.png", deadline: fixture.now + .seconds(3600))
        _ = try await fixture.store.record(StoreFixture.answered(1), of: try await fixture.claim(), pictures: [link])
        let picture = try #require(try await fixture.duePictures().first { $0.job == damaged })
        _ = try await fixture.store.savePicture(picture, as: StoreFixture.stored("d"))
        _ = try await fixture.store.recordDamage(of: StoreFixture.stored("d").hash)
        let ids = [queued, archiving, calling, damaged]
        let preview = try await fixture.store.previewForgetting(query(fixture, ids: ids), of: 1000)
        #expect(
            preview.staying == [
                queued: .notEnded(.queued), archiving: .notEnded(.running), calling: .notEnded(.running),
                damaged: .pending,
            ])
        #expect(preview.pending == 1)
        #expect(try await forget(fixture, query(fixture)) == ForgottenSum())
        #expect(try await forget(fixture, query(fixture, ids: ids), of: StoreFixture.bob) == ForgottenSum())
        for id in ids { #expect(try await fixture.store.job(id, uid: 1000) != nil) }
        try await soundness(fixture)
    }

    @Test("the schema keeps calls of jobs that have not ended, also from writes that bypass the store")
    func schema() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        let claim = try await fixture.claim()
        func refuses() async {
            for sql in ["DELETE FROM jobs", "DELETE FROM attempts"] {
                await #expect(throws: StoreError.self, "\(sql)") {
                    try await fixture.store.write { _ = try $0.execute(sql) }
                }
            }
        }
        await refuses()
        _ = try await fixture.store.record(StoreFixture.answered(1), of: claim, pictures: fixture.links(1))
        await refuses()
    }

    @Test("a key that has cost money cannot buy again; one that has not can be used again")
    func keys() async throws {
        let fixture = try StoreFixture()
        let fingerprint = try StoreFixture.stored("e").hash
        func order(_ key: String) -> Store.Order {
            .init(
                owner: Self.alice, request: StoreFixture.request(), key: .init(text: key, fingerprint: fingerprint))
        }
        guard case .created(let paid) = try await fixture.store.submit(order("paid")) else { throw NotCreated() }
        _ = try await fixture.claimAndAnswer()
        guard case .created = try await fixture.store.submit(order("free")) else { throw NotCreated() }
        _ = try await fixture.claimAndReject()
        #expect(try await forget(fixture, query(fixture)).jobs == 2)
        #expect(try await fixture.store.submit(order("paid")) == .keyForgotten(paid.id))
        guard case .created = try await fixture.store.submit(order("free")) else { throw NotCreated() }
        // The keys of another user are independent.
        var others = order("paid")
        others.owner = StoreFixture.bob
        guard case .created = try await fixture.store.submit(others) else { throw NotCreated() }
    }

    private struct NotCreated: Error {}

    @Test("an input without other jobs expires like an unused one, and content in use stays")
    func inputs() async throws {
        let fixture = try StoreFixture()
        let picture = try StoreFixture.stored("b")
        try await fixture.store.addInput(picture, owner: Self.alice)
        let order = Store.Order(owner: Self.alice, request: StoreFixture.request(image: .content(picture.hash)))
        for _ in 0..<2 { _ = try await fixture.store.submit(order) }
        let claim = try await fixture.claim()
        _ = try await fixture.store.record(StoreFixture.answered(1), of: claim, pictures: [.saved(picture)])
        let second = try await fixture.claimAndReject()
        try await forget(fixture, query(fixture, ids: [claim.job]))
        // The input of the second job has the same content.
        #expect(try await fixture.store.leftContent(after: nil) == [])
        fixture.pass(.seconds(86_401))
        #expect(try await fixture.store.expireInputs() == [])
        try await forget(fixture, query(fixture, ids: [second.job]))
        #expect(try await fixture.store.expireInputs() == [picture.hash])
        #expect(try await fixture.store.leftContent(after: nil) == [picture.hash])
        try await fixture.store.settleContent([picture.hash])
        #expect(try await fixture.store.leftContent(after: nil) == [])
        try await soundness(fixture)
    }

    @Test("deletes the selected jobs: by label, state and time of their end, a few per transaction")
    func filters() async throws {
        let fixture = try StoreFixture()
        func ended(_ label: String?, isBilled: Bool) async throws {
            _ = try await fixture.store.submit(
                .init(owner: Self.alice, request: StoreFixture.request(), label: label))
            try await fixture.end(try await fixture.claim(), isBilled ? .billed : .notBilled)
        }
        for _ in 0..<45 { try await ended("old", isBilled: false) }
        let time = fixture.now + .seconds(10)
        fixture.pass(.seconds(20))
        try await ended("old", isBilled: true)
        try await ended(nil, isBilled: false)
        #expect(try await forget(fixture, query(fixture, label: "none")).jobs == 0)
        let old = ForgetQuery(label: "old", endedBefore: time)
        let (some, isMore) = try await fixture.store.forget(old, of: 1000, by: 1000, limit: 30)
        #expect(some.jobs == 30 && isMore)
        #expect(try await forget(fixture, old).jobs == 15)
        #expect(try await forget(fixture, query(fixture, state: .done)).jobs == 1)
        #expect(try await forget(fixture, query(fixture)).jobs == 1)
        try await soundness(fixture)
    }

    @Test(
        "the size of jobs is bounded, whether they end or wait, and canceling and forgetting make room",
        arguments: [true, false])
    func keptBytes(ends: Bool) async throws {
        let fixture = try StoreFixture { $0.limits.standard[.keptBytes] = 20_000 }
        func submit(_ prompt: Int) async throws -> Store.Submission {
            var draft = EditRequest.Draft()
            draft.prompt = String(repeating: "é", count: prompt)
            let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
            return try await fixture.store.submit(
                .init(owner: Self.alice, request: request, notBefore: fixture.now + .seconds(31_536_000)))
        }
        var limit: LimitReached?
        for _ in 0..<20 where limit == nil {
            switch try await submit(2000) {
            case .created(let job): if ends { _ = try await fixture.store.cancel(job.id, by: Caller(Self.alice)) }
            case .overLimit(let reached): limit = reached
            case let other: Issue.record("\(other)")
            }
        }
        #expect(limit?.kind == .keptBytes && limit.map { $0.used >= 20_000 && $0.used < 25_000 } == true)
        // Others have their own limit.
        try await fixture.submit(owner: StoreFixture.bob)
        // A retry does not bypass it either.
        let last = JobID(rawValue: 1)
        for job in try await fixture.store.jobs(.init(state: .queued, limit: 100), for: Caller(Self.alice)).jobs {
            _ = try await fixture.store.cancel(job.id, by: Caller(Self.alice))
        }
        guard case .overLimit = try await fixture.store.retry(last, by: Caller(Self.alice)) else {
            Issue.record("a retry is let through")
            return
        }
        #expect(try await forget(fixture, query(fixture)).jobs > 3)
        guard case .created = try await submit(10) else {
            Issue.record("there is room again")
            return
        }
        try await soundness(fixture)
    }

    @Test("a job that is retried and canceled again and again counts more each time")
    func retries() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        _ = try await fixture.store.cancel(id, by: Caller(Self.alice))
        let first = try await fixture.store.usage(of: Self.alice).use.keptBytes
        for _ in 0..<3 {
            let before = try await fixture.store.usage(of: Self.alice).use.keptBytes
            _ = try await fixture.store.retry(id, by: Caller(Self.alice))
            let after = try await fixture.store.usage(of: Self.alice).use.keptBytes
            // The message of its end is removed; the retry is added.
            #expect(after > before && after < before + 256)
            _ = try await fixture.store.cancel(id, by: Caller(Self.alice))
        }
        #expect(try await fixture.store.usage(of: Self.alice).use.keptBytes == first + 3 * 256)
        try await soundness(fixture)
    }

    @Test("a job counts from its submit to its end, in every state, and its calls at their end")
    func live() async throws {
        let fixture = try StoreFixture()
        func kept() async throws -> Int64 { try await fixture.store.usage(of: Self.alice).use.keptBytes }
        let id = try await fixture.submit()
        let submitted = try await kept()
        #expect(submitted > 512)
        var claim = try await fixture.claim()
        #expect(try await kept() == submitted)
        _ = try await fixture.store.record(CallReport(outcome: .serverError(APIError(message: "a word"))), of: claim)
        let back = try await kept()
        #expect(back > submitted + 256)
        try await soundness(fixture)
        fixture.pass(.seconds(3600))
        claim = try await fixture.claim()
        #expect(try await kept() == back)
        try await fixture.end(claim, .billed)
        #expect(try await kept() > back + 256)
        try await soundness(fixture)
        #expect(try await forget(fixture, query(fixture, ids: [id])).jobs == 1)
        #expect(try await kept() == Transaction.forgottenEventBytes)
    }

    @Test("a job's document has the latest hundred calls, and older ones come in pages")
    func calls() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        for number in 1...130 {
            if number > 1 { _ = try await fixture.store.retry(id, by: Caller(Self.alice)) }
            _ = try await fixture.claimAndReject()
        }
        #expect(try await fixture.job(id).ledger.map(\.number) == Array(31...130))
        let caller = Caller(Self.alice)
        let older = try #require(try await fixture.store.calls(of: id, before: 31, limit: 20, for: caller))
        #expect(older.map(\.number) == Array((11...30).reversed()))
        #expect(try await fixture.store.calls(of: id, before: 11, limit: 20, for: caller)?.count == 10)
        #expect(try await fixture.store.calls(of: id, before: nil, limit: 1, for: Caller(StoreFixture.bob)) == nil)
    }
}
