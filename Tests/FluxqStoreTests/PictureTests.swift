import FluxqModel
import FluxqTestSupport
import FluxqWords
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

    @Test("those whose link expires first come first")
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

    @Test("a failed download is tried again after growing pauses, and the job shows why it waits")
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

    @Test("a dead link is lost: the job's saved pictures stay, and the job fails as link_lost")
    func lost() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(2))
        let due = try await fixture.duePictures()
        _ = try await fixture.store.savePicture(due[0], as: StoreFixture.stored())
        #expect(
            try await fixture.store.postponePicture(due[1], message: "HTTP 404", after: .gone) == .advanced(.running))
        fixture.pass(.seconds(8 * 86_400))
        #expect(
            try await fixture.store.postponePicture(due[1], message: "HTTP 404", after: .gone) == .advanced(.failed))
        let job = try await fixture.job(id)
        #expect(LifecycleTable.Outcome(job.lifecycle.state).reason == .linkLost)
        #expect(try await fixture.store.picture(of: id, index: 1, uid: StoreFixture.alice.uid) != nil)
    }

    @Test("the nearer a link's end, the shorter the pauses: there are several tries in its last minute")
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

    @Test("a clock that jumps a week forward loses no link: only the host's refusal or several answered tries do")
    func jumpForward() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(1))
        fixture.pass(.seconds(8 * 86_400))
        var tries = 0
        while let picture = try await fixture.duePictures().first {
            tries += 1
            if case .advanced(.failed) = try await fixture.store.postponePicture(picture, message: "HTTP 503") { break }
            #expect(try await fixture.duePictures().isEmpty)
            let next = try #require(try await fixture.store.duePictures(limit: 1).next)
            #expect(next - fixture.now >= .seconds(1))
            fixture.pass(next - fixture.now)
        }
        #expect(tries == StorePolicy().overdueTries)
        #expect(LifecycleTable.Outcome(try await fixture.job(id).lifecycle.state).reason == .linkLost)
    }

    @Test("an unreachable host makes a link dead only days after the deadline")
    func networkDown() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(1))
        fixture.pass(.seconds(8 * 86_400))
        let start = fixture.now
        var tries = 0
        var end: Advance?
        while end != .advanced(.failed), let picture = try await fixture.duePictures().first {
            tries += 1
            end = try await fixture.store.postponePicture(picture, message: "no route", after: .noAnswer)
            if let next = try await fixture.store.duePictures(limit: 1).next { fixture.pass(next - fixture.now) }
        }
        #expect(fixture.now - start >= .seconds(6 * 86_400) && tries < 1000)
        #expect(LifecycleTable.Outcome(try await fixture.job(id).lifecycle.state).reason == .linkLost)
        guard case .failed(let failure) = try await fixture.job(id).lifecycle.state else { return }
        #expect(failure.message.words.hasPrefix("1 of 1 pictures could not be saved: no route"))
    }

    private func came(_ character: Character) throws -> FailedTry {
        .came(KeptBytes(hash: try StoreFixture.stored(character).hash, bytes: 1234))
    }

    @Test("complete bytes that are no picture are kept once they come a second time, and their owner can fetch them")
    func sameBytesTwice() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(1), cap: .seconds(1)) }
        let id = try await archiving(fixture, pictures: fixture.links(1))
        let alice = StoreFixture.alice.uid
        for (character, end) in [("a", JobState.running), ("b", .running), ("b", .failed)] as [(Character, JobState)] {
            let picture = try #require(try await fixture.duePictures().first)
            let advance = try await fixture.store.postponePicture(
                picture, message: "What the link gave is HEIC.", after: try came(character))
            #expect(advance == .advanced(end))
            // While it may still come as a picture, only the archive has it.
            if end == .running { #expect(try await fixture.store.picture(of: id, index: 1, uid: alice) == nil) }
            fixture.pass(.seconds(1))
        }
        let kept = try #require(try await fixture.store.picture(of: id, index: 1, uid: alice))
        #expect(try kept == ReadableContent(hash: StoreFixture.stored("b").hash, mediaType: "application/octet-stream"))
        guard case .failed(let failure) = try await fixture.job(id).lifecycle.state else { return }
        #expect(failure.reason == .noImage && failure.message.words.contains("What the link gave is HEIC."))
    }

    @Test("a complete body is kept when the link dies, whatever its host answers then")
    func lastBytes() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(2))
        for picture in try await fixture.duePictures() {
            _ = try await fixture.store.postponePicture(
                picture, message: "What the link gave is HTML, not a picture.", after: try came("a"))
        }
        fixture.pass(.seconds(8 * 86_400))
        let due = try await fixture.duePictures()
        _ = try await fixture.store.postponePicture(due[0], message: "HTTP 404", after: .gone)
        _ = try await fixture.store.savePicture(due[1], as: StoreFixture.stored("c"))
        let job = try await fixture.job(id)
        #expect(
            job.lifecycle.state.warning == """
                1 of 2 pictures came. Picture 1 cannot be used, but is kept and can be fetched: What the link gave is \
                HTML, not a picture.
                """)
        #expect(try fixture.query(Int.self, "SELECT count(*) FROM pictures WHERE came IS NOT NULL") == 0)
    }

    @Test("bytes that are always different also end the tries: the last are kept")
    func neverTheSame() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(1), cap: .seconds(1)) }
        _ = try await archiving(fixture, pictures: fixture.links(1))
        var tries = 0
        while let picture = try await fixture.duePictures().first {
            tries += 1
            _ = try await fixture.store.postponePicture(
                picture, message: "HTML", after: try came(tries.isMultiple(of: 2) ? "a" : "b"))
            fixture.pass(.seconds(1))
        }
        #expect(tries == StorePolicy().unusableTries)
    }

    @Test("a cancel ends a job whose host has refused the picture for minutes")
    func canceledAndGone() async throws {
        let fixture = try StoreFixture()
        let id = try await archiving(fixture, pictures: fixture.links(1))
        let first = try #require(try await fixture.duePictures().first)
        _ = try await fixture.store.postponePicture(first, message: "HTTP 404", after: .gone)
        _ = try await fixture.store.cancel(id, uid: StoreFixture.alice.uid)
        // One answer is not enough: the host is asked again after minutes, and no later.
        let next = try #require(try await fixture.store.duePictures(limit: 1).next)
        #expect(next - fixture.now <= StorePolicy().goneAfterCancel)
        fixture.pass(StorePolicy().goneAfterCancel)
        let again = try #require(try await fixture.duePictures().first)
        #expect(
            try await fixture.store.postponePicture(again, message: "HTTP 404", after: .gone) == .advanced(.failed))
        #expect(LifecycleTable.Outcome(try await fixture.job(id).lifecycle.state).reason == .canceled)
    }

    @Test("and at once if the host has long refused it, or if other bytes came")
    func canceledLongAfter() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(1), cap: .seconds(1)) }
        let id = try await archiving(fixture, pictures: fixture.links(2))
        for round in 0..<2 {
            let due = try await fixture.duePictures()
            _ = try await fixture.store.postponePicture(due[0], message: "HTTP 403", after: .gone)
            if round == 0 { _ = try await fixture.store.postponePicture(due[1], message: "HTML", after: try came("a")) }
            fixture.pass(.seconds(300))
        }
        _ = try await fixture.store.cancel(id, uid: StoreFixture.alice.uid)
        let job = try await fixture.job(id)
        #expect(LifecycleTable.Outcome(job.lifecycle.state).reason == .canceled)
        #expect(try await fixture.store.picture(of: id, index: 2, uid: StoreFixture.alice.uid) != nil)
    }

    @Test("a job that only waits for its links does not count as running")
    func waitingIsNotRunning() async throws {
        let fixture = try StoreFixture { $0.limits.standard[.runningJobs] = 1 }
        _ = try await archiving(fixture, pictures: fixture.links(1))
        let second = try await fixture.submit()
        #expect(try await fixture.claim().job == second)
    }

    @Test("due pictures are found through an index that contains only these")
    func duePlan() async throws {
        let fixture = try StoreFixture()
        func plan(_ sql: String) throws -> String {
            try fixture.plan(["?1", "?2", "?"].reduce(sql) { $0.replacing($1, with: "5") })
        }
        let due = try plan(Store.dueSQL)
        #expect(due.contains("COVERING INDEX pictures_due (next_try_at<?)"), "\(due)")
        #expect(due.contains("INDEX pictures_tried (tried_at>?)"), "\(due)")
        #expect(!due.contains("SCAN pictures"), "\(due)")
        let next = try plan(Store.nextDueSQL)
        #expect(next.contains("COVERING INDEX pictures_due (next_try_at>?)"), "\(next)")
    }

    @Test("a clock that is set back does not delay a download")
    func jumpBack() async throws {
        let fixture = try StoreFixture { $0.downloadBackoff = Backoff(base: .seconds(100), cap: .seconds(100)) }
        _ = try await archiving(fixture, pictures: fixture.links(1))
        _ = try await fixture.store.postponePicture(try #require(try await fixture.duePictures().first), message: "no")
        #expect(try await fixture.duePictures().isEmpty)
        fixture.pass(.seconds(-7 * 86_400))
        let picture = try #require(try await fixture.duePictures().first)
        // Times written now are of this clock: the next pause applies again.
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
        "an input that no job has used for a day is forgotten, a used one never, and shared content stays while any user has it"
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
