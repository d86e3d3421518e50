import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Pictures behind links")
struct PictureTests {
    private func archiving(_ fixture: StoreFixture, pictures: [NewPicture]) async throws -> JobID {
        let id = try await fixture.submit(n: pictures.count)
        _ = try await fixture.store.record(
            StoreFixture.answered(pictures.count), of: fixture.claim(), pictures: pictures)
        return id
    }

    @Test("those whose link dies first come first")
    func soonestFirst() async throws {
        let fixture = try StoreFixture()
        let late = try await archiving(
            fixture, pictures: [.link("https://x/late", deadline: fixture.now + .seconds(9000))])
        let soon = try await archiving(
            fixture, pictures: [.link("https://x/soon", deadline: fixture.now + .seconds(60))])
        let due = try await fixture.duePictures()
        #expect(due.map(\.job) == [soon, late])
        let rest = try await fixture.store.duePictures(limit: 1, excluding: [due[0].id])
        #expect(rest.due.map(\.job) == [late])
    }

    @Test("a failed download is tried again after a pause that grows, and the job says why it waits")
    func postponed() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(100), cap: .seconds(3600)) }
        let id = try await archiving(fixture, pictures: fixture.links(1))
        for tries in 1...8 {
            let picture = try #require(try await fixture.duePictures().first)
            #expect(picture.download.tries == tries - 1)
            #expect(try await fixture.store.postponePicture(picture, message: "HTTP 503") == .advanced(.running))
            let (due, next) = try await fixture.store.duePictures(limit: 9)
            #expect(due.isEmpty)
            fixture.pass(try #require(next) - fixture.now)
        }
        guard case .pending(let download) = try await fixture.job(id).pictures[0].state else {
            Issue.record("not pending")
            return
        }
        #expect(download.message == "HTTP 503" && download.tries == 8)
    }

    @Test("a link that died is lost: what was saved beside it stays, and the job fails as link_lost")
    func lost() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(2))
        let due = try await fixture.duePictures()
        _ = try await fixture.store.savePicture(due[0], as: StoreFixture.stored())
        #expect(
            try await fixture.store.postponePicture(due[1], message: "HTTP 404", isGone: true) == .advanced(.running))
        fixture.pass(.seconds(8 * 86_400))
        #expect(
            try await fixture.store.postponePicture(due[1], message: "HTTP 404", isGone: true) == .advanced(.failed))
        let job = try await fixture.job(id)
        #expect(LifecycleTable.Outcome(job.lifecycle.state).reason == .linkLost)
        #expect(try await fixture.store.picture(of: id, index: 1, uid: StoreFixture.alice.uid) != nil)
    }

    @Test("the nearer a link's end, the closer the tries: there are several in its last minute")
    func nearDeadline() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(3600), cap: .seconds(3600)) }
        let end = fixture.now + .seconds(4 * 3600)
        _ = try await archiving(fixture, pictures: [.link("https://x/1", deadline: end)])
        var lastMinute = 0
        while fixture.now < end {
            let picture = try #require(try await fixture.duePictures().first)
            if end - fixture.now < .seconds(60) { lastMinute += 1 }
            #expect(try await fixture.store.postponePicture(picture, message: "HTTP 503") == .advanced(.running))
            let next = try #require(try await fixture.store.duePictures(limit: 1).next)
            fixture.pass(next - fixture.now)
        }
        #expect(lastMinute >= 3)
    }

    @Test("a clock that jumps a week forward loses no link: only the host's word or several failed tries do")
    func jumpForward() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(1))
        fixture.pass(.seconds(8 * 86_400))
        var tries = 0
        while let picture = try await fixture.duePictures().first {
            tries += 1
            if case .advanced(.failed) = try await fixture.store.postponePicture(picture, message: "no route") { break }
            #expect(try await fixture.duePictures().isEmpty)
            let next = try #require(try await fixture.store.duePictures(limit: 1).next)
            #expect(next - fixture.now >= .seconds(1))
            fixture.pass(next - fixture.now)
        }
        #expect(tries == StorePolicy().overdueTries)
        #expect(LifecycleTable.Outcome(try await fixture.job(id).lifecycle.state).reason == .linkLost)
    }

    @Test("a clock that is set back does not keep a download waiting")
    func jumpBack() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(100), cap: .seconds(100)) }
        _ = try await archiving(fixture, pictures: fixture.links(1))
        _ = try await fixture.store.postponePicture(try #require(try await fixture.duePictures().first), message: "no")
        #expect(try await fixture.duePictures().isEmpty)
        fixture.pass(.seconds(-7 * 86_400))
        let picture = try #require(try await fixture.duePictures().first)
        // What it writes now is of this clock: the next pause holds again.
        _ = try await fixture.store.postponePicture(picture, message: "no")
        #expect(try await fixture.duePictures().isEmpty)
    }

    @Test("the same picture saved twice is saved once")
    func twice() async throws {
        let fixture = try StoreFixture()
        _ = try await archiving(fixture, pictures: fixture.links(2))
        let picture = try #require(try await fixture.duePictures().first)
        #expect(try await fixture.store.savePicture(picture, as: StoreFixture.stored("a")) == .advanced(.running))
        #expect(try await fixture.store.savePicture(picture, as: StoreFixture.stored("b")) == .stale)
        #expect(try await fixture.store.losePicture(picture, message: "gone") == .stale)
    }

    @Test(
        "an input that no job has used for a day is forgotten, a used one never, and shared content stays while somebody has it"
    )
    func inputs() async throws {
        let fixture = try StoreFixture()
        let (used, unused, shared) = try (StoreFixture.stored("a"), StoreFixture.stored("b"), StoreFixture.stored("c"))
        for picture in [used, unused, shared] { try await fixture.store.addInput(picture, owner: StoreFixture.alice) }
        _ = try await fixture.store.submit(
            .init(owner: StoreFixture.alice, request: StoreFixture.request(image: .content(used.hash))))
        #expect(try await fixture.store.nextInputExpiry() == fixture.now + .seconds(86_400))
        #expect(try await fixture.store.expireInputs() == [])
        fixture.pass(.seconds(86_400))
        try await fixture.store.addInput(shared, owner: StoreFixture.bob)
        #expect(try await fixture.store.expireInputs() == [unused.hash])
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM inputs") == 2)
    }
}
