import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWords
import Foundation
import NIOCore
import Testing

@testable import FluxqWorkers

@Suite("The workers", .timeLimit(.minutes(30)))
struct WorkersTests {
    @Test("never exceed the number of concurrent calls, and make the next one as soon as a place is free")
    func concurrency() async throws {
        let fixture = try WorkersFixture(concurrency: 3)
        for number in 0..<12 { try await fixture.submit("\(number)") }
        try await fixture.run { _ in
            var waiting: [SimulatedAPI.Pending<CallReport>] = []
            for _ in 0..<3 { waiting.append(try #require(await fixture.api.nextCall())) }
            for _ in 3..<12 {
                waiting.removeFirst().answer(CallReport(outcome: .rejected(APIError(message: "no"))))
                waiting.append(try #require(await fixture.api.nextCall()))
            }
            for call in waiting { call.answer(CallReport(outcome: .rejected(APIError(message: "no")))) }
        }
        #expect(fixture.api.mostInFlight == 3)
        #expect(try await fixture.store.queue(of: WorkersFixture.alice).counts[.failed] == 12)
    }

    @Test("with a daily limit reached, they sleep until a timer wakes them at 00:00 UTC")
    func midnight() async throws {
        let clock = ManualClock(Timestamp(secondsSinceEpoch: 1_790_000_000))
        let midnight = UTCDay(clock.now()).next.start
        let fixture = try WorkersFixture(clock: clock) { $0.limits.standard[.imagesPerDay] = 1 }
        try await fixture.submit("today")
        try await fixture.submit("tomorrow")
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                CallReport(outcome: .unknown(APIError(message: "nobody knows"))))
            await clock.sleeper(until: midnight)
            clock.set(to: midnight)
            let call = try #require(await fixture.api.nextCall())
            #expect(call.prompt == "tomorrow")
            call.answer(CallReport(outcome: .rejected(APIError(message: "no"))))
        }
    }

    @Test("archiving does not occupy a call's place, and a download that fails is repeated without another call")
    func archivingBeside() async throws {
        let fixture = try WorkersFixture(concurrency: 1)
        let first = try await fixture.submit("first")
        let second = try await fixture.submit("second")
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png")]))
            let slow = try #require(await fixture.api.nextDownload())
            // The only place is free although the first job is still being archived.
            let call = try #require(await fixture.api.nextCall())
            #expect(call.prompt == "second")
            call.answer(CallReport(outcome: .rejected(APIError(message: "no"))))
            _ = try await fixture.end(of: second)

            slow.answer(.failed(message: "HTTP 503"))
            let again = try #require(await fixture.api.nextDownload())
            try await #require(again.sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            again.answer(.complete)
            let job = try await fixture.end(of: first)
            #expect(job.lifecycle.state == .done(warning: nil) && job.lifecycle.attempt == 1)
        }
    }

    @Test("a link must lead to a whole picture; until then the job stays archiving")
    func wholePictures() async throws {
        let fixture = try WorkersFixture()
        let id = try await fixture.submit("x")
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png")]))
            for bytes in [Array("<html>".utf8), [], Array(SamplePictures.jpeg.bytes.dropLast(9))] {
                let download = try #require(await fixture.api.nextDownload())
                try await #require(download.sink).write(ByteBuffer(bytes: bytes))
                download.answer(.complete)
            }
            let whole = try #require(await fixture.api.nextDownload())
            try await #require(whole.sink).write(ByteBuffer(bytes: SamplePictures.jpeg.bytes))
            whole.answer(.complete)
            let job = try await fixture.end(of: id)
            guard case .saved(let picture) = job.pictures[0].state else {
                Issue.record("\(job.pictures)")
                return
            }
            #expect(picture.mediaType == "image/jpeg")
            #expect(try await fixture.archive.open(picture.hash).size == Int64(SamplePictures.jpeg.bytes.count))
        }
        #expect(try fixture.directory.incoming() == [])
    }

    @Test("inline pictures are archived before the answer is recorded; other bytes are kept for a person")
    func inline() async throws {
        let fixture = try WorkersFixture()
        let id = try await fixture.submit("x", n: 3)
        let text = Array("not a picture".utf8)
        try await fixture.run { _ in
            let call = try #require(await fixture.api.nextCall())
            let receiver = try #require(call.receiver)
            for (ordinal, bytes) in [SamplePictures.png.bytes, text, SamplePictures.avif.bytes].enumerated() {
                try await receiver.beginPicture(ordinal).write(ByteBuffer(bytes: bytes))
                try await receiver.endPicture(ordinal, isValid: true)
            }
            call.answer(WorkersFixture.answered((0..<3).map { AnswerItem(inline: $0) }))
            let job = try await fixture.end(of: id)
            guard case .done(let warning?) = job.lifecycle.state else {
                Issue.record("\(job.lifecycle.state)")
                return
            }
            #expect(
                warning.words.hasPrefix("2 of 3 pictures came. Picture 2 cannot be used, but is kept"),
                "\(warning.words)")
            guard case .unusable(let hash?, _) = job.pictures[1].state else {
                Issue.record("\(job.pictures[1])")
                return
            }
            let kept = try await fixture.archive.open(hash).read(at: 0, count: 100)
            #expect(Array(kept.readableBytesView) == text)
        }
    }

    @Test("if the inline data is no picture, the link beside it is used")
    func fallBack() async throws {
        let fixture = try WorkersFixture()
        let id = try await fixture.submit("x")
        try await fixture.run { _ in
            let call = try #require(await fixture.api.nextCall())
            try await #require(call.receiver).beginPicture(0).write(ByteBuffer(string: "cut"))
            try await #require(call.receiver).endPicture(0, isValid: false)
            call.answer(WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png", inline: 0)]))
            let download = try #require(await fixture.api.nextDownload())
            try await #require(download.sink).write(ByteBuffer(bytes: SamplePictures.gif.bytes))
            download.answer(.complete)
            #expect(try await fixture.end(of: id).lifecycle.state == .done(warning: nil))
        }
    }

    @Test("an invalid link is lost immediately; one that the guard refuses waits and tells what to trust")
    func links() async throws {
        let fixture = try WorkersFixture()
        let lost = try await fixture.submit("lost")
        let refused = try await fixture.submit("refused")
        try await fixture.run { _ in
            for _ in 0..<2 {
                let call = try #require(await fixture.api.nextCall())
                call.answer(WorkersFixture.answered([AnswerItem(link: "https://\(call.prompt)/")]))
            }
            // On a slow host the refused link may be tried twice before the other is tried once.
            var answered: Set<String> = []
            while answered.count < 2 {
                let download = try #require(await fixture.api.nextDownload())
                download.answer(
                    download.prompt.contains("lost") ? .impossible(message: "ftp") : .refused(message: "trust it"))
                answered.insert(download.prompt)
            }
            let failed = try await fixture.end(of: lost)
            #expect(LifecycleTable.Outcome(failed.lifecycle.state).reason == .linkLost)
            let waiting = try await fixture.job(refused) { job in
                if case .pending(let download)? = job.pictures.first?.state {
                    download.message == "trust it"
                } else {
                    false
                }
            }
            #expect(waiting.lifecycle.state == .running(.archiving, cancelRequested: false))
        }
    }

    @Test("complete bytes that are no picture are archived at the first try, and kept as the result of the second")
    func noPicture() async throws {
        let fixture = try WorkersFixture()
        let id = try await fixture.submit("x")
        let bytes = [0, 0, 0, 24] + Array("ftypheic\0\0\0\0mif1heic".utf8)
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.heic")]))
            for time in 1...2 {
                let download = try #require(await fixture.api.nextDownload())
                try await #require(download.sink).write(ByteBuffer(bytes: bytes))
                download.answer(.complete)
                guard time == 1 else { continue }
                let pending = try await fixture.job(id) { job in
                    if case .pending(let download)? = job.pictures.first?.state { download.tries == 1 } else { false }
                }
                #expect(pending.lifecycle.state == .running(.archiving, cancelRequested: false))
            }
            let job = try await fixture.end(of: id)
            guard case .unusable(let hash?, let message)? = job.pictures.first?.state else {
                Issue.record("\(job.pictures)")
                return
            }
            #expect(message.words.contains("HEIC") && job.pictures.first?.keptBytes == Int64(bytes.count))
            #expect(try await fixture.archive.open(hash).size == Int64(bytes.count))
        }
    }

    @Test("a packed body is unpacked, and one that only claims to be packed is left alone")
    func packed() async throws {
        let fixture = try WorkersFixture()
        let id = try await fixture.submit("x", n: 2)
        let picture = SamplePictures.png.bytes
        let frames = Array("\(String(picture.count, radix: 16));chunk-signature=0\r\n".utf8) + picture
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered((1...2).map { AnswerItem(link: "https://example.org/\($0).png") }))
            for _ in 1...2 {
                let download = try #require(await fixture.api.nextDownload())
                try await #require(download.sink).begin(BodyHead(codings: ["utf-8"]))
                let isFirst = download.prompt.contains("1.png")
                let body = isFirst ? frames + Array("\r\n0;chunk-signature=0\r\n\r\n".utf8) : picture
                try await #require(download.sink).write(ByteBuffer(bytes: body))
                download.answer(.complete)
            }
            let job = try await fixture.end(of: id)
            #expect(job.lifecycle.state == .done(warning: nil))
            for stored in job.pictures {
                guard case .saved(let saved) = stored.state else {
                    Issue.record("\(stored)")
                    continue
                }
                #expect(saved.bytes == Int64(picture.count))
            }
        }
    }

    @Test("links are downloaded while no call may be made")
    func downloadsGoOn() async throws {
        let fixture = try WorkersFixture(concurrency: 1)
        let first = try await fixture.submit("first")
        try await fixture.submit("second")
        try await fixture.submit("third")
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png")]))
            let limited = CallOutcome.rateLimited(APIError(message: "slow"), retryAfter: .seconds(3000))
            try #require(await fixture.api.nextCall()).answer(CallReport(outcome: limited))
            let download = try #require(await fixture.api.nextDownload())
            #expect(try await fixture.store.queue(of: WorkersFixture.alice).counts[.running] ?? 0 >= 1)
            try await #require(download.sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            download.answer(.complete)
            #expect(try await fixture.end(of: first).lifecycle.state == .done(warning: nil))
        }
    }

    @Test("the concurrency limit learned from rate limits survives a restart")
    func learntPace() async throws {
        let fixture = try WorkersFixture(concurrency: 4)
        for number in 0..<4 { try await fixture.submit("\(number)") }
        let limited = CallOutcome.rateLimited(APIError(message: "slow"), retryAfter: .milliseconds(1))
        let rejected = CallReport(outcome: .rejected(APIError(message: "no")))
        try await fixture.run { _ in
            var calls: [SimulatedAPI.Pending<CallReport>] = []
            for _ in 0..<4 { calls.append(try #require(await fixture.api.nextCall())) }
            calls[0].answer(CallReport(outcome: limited))
            for call in calls.dropFirst() { call.answer(rejected) }
            // The job of the rejected call is called again.
            try #require(await fixture.api.nextCall()).answer(rejected)
        }
        #expect(try await fixture.store.gate(of: Lane(endpoint: Lane.defaultEndpoint, model: "m")).pace.limit == 2)
        for number in 4..<9 { try await fixture.submit("\(number)") }
        fixture.api.forgetMost()
        try await fixture.run { _ in
            for _ in 4..<9 { try #require(await fixture.api.nextCall()).answer(rejected) }
        }
        #expect(fixture.api.mostInFlight <= 2)
    }

    @Test("a graceful shutdown claims nothing more and waits for the call in flight")
    func drain() async throws {
        let fixture = try WorkersFixture(concurrency: 1)
        let first = try await fixture.submit("first")
        let second = try await fixture.submit("second")
        try await fixture.run { shutDown in
            let call = try #require(await fixture.api.nextCall())
            await shutDown()
            call.answer(CallReport(outcome: .rejected(APIError(message: "no"))))
        }
        func state(_ id: JobID) async throws -> JobState? {
            try await fixture.store.job(id, uid: WorkersFixture.alice.uid).map { JobState($0.lifecycle.state) }
        }
        #expect(try await state(first) == .failed)
        #expect(try await state(second) == .queued)
    }

    @Test("after the drain time the call in flight is canceled, and recorded as unknown")
    func drainEnds() async throws {
        let fixture = try WorkersFixture { $0.drain = .zero }
        let id = try await fixture.submit("x")
        try await fixture.run { _ in _ = await fixture.api.nextCall() }
        let job = try #require(try await fixture.store.job(id, uid: WorkersFixture.alice.uid))
        #expect(LifecycleTable.Outcome(job.lifecycle.state).reason == .outcomeUnknown)
    }

    @Test("an unused input is deleted, and its content is removed once it is old enough")
    func housekeeping() async throws {
        let fixture = try WorkersFixture({ $0.clockProbation = .zero }, policy: { $0.inputLifetime = .zero })
        let file = try await fixture.archive.spool.receive(limit: .max)
        try await file.write(ByteBuffer(bytes: SamplePictures.png.bytes))
        let picture = try await fixture.archive.storePicture(file).get()
        let path = fixture.directory.path("objects/sha256/\(picture.hash.hex.prefix(2))/\(picture.hash.hex)")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: path)
        try await fixture.store.addInput(picture, owner: WorkersFixture.alice)
        try await fixture.run { _ in
            try await Observation.wait { !FileManager.default.fileExists(atPath: path) }
        }
        #expect(try await fixture.store.nextInputExpiry() == nil)
    }

    @Test("content of a deleted job is removed once it is old enough, and content of other jobs stays")
    func forgotten() async throws {
        let fixture = try WorkersFixture { $0.clockProbation = .zero }
        var paths: [String] = []
        var pictures: [StoredPicture] = []
        for sample in [SamplePictures.png, SamplePictures.jpeg] {
            let file = try await fixture.archive.spool.receive(limit: .max)
            try await file.write(ByteBuffer(bytes: sample.bytes))
            let picture = try await fixture.archive.storePicture(file).get()
            let path = fixture.directory.path("objects/sha256/\(picture.hash.hex.prefix(2))/\(picture.hash.hex)")
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: path)
            paths.append(path)
            pictures.append(picture)
        }
        // Both pictures are the first job's; the second is another's, too.
        for some in [pictures, [pictures[1]]] {
            try await fixture.submit("x", n: some.count)
            guard case .claimed(let claim) = try await fixture.store.claim() else { throw NotClaimed() }
            let report = CallReport(
                outcome: .answered(Answer(items: some.indices.map { AnswerItem(inline: $0) })))
            _ = try await fixture.store.record(report, of: claim, pictures: some.map { .saved($0) })
        }
        let query = ForgetQuery(ids: [JobID(rawValue: 1)], endedBefore: fixture.clock.now() + .seconds(1))
        let uid = WorkersFixture.alice.uid
        #expect(try await fixture.store.forget(query, of: uid, by: uid).sum.pictures == 2)
        #expect(try await fixture.store.leftContent(after: nil) == [pictures[0].hash])
        let gone = paths[0]
        try await fixture.run { _ in
            try await Observation.wait { !FileManager.default.fileExists(atPath: gone) }
            try await Observation.wait { try await fixture.store.leftContent(after: nil).isEmpty }
        }
        #expect(FileManager.default.fileExists(atPath: paths[1]))
    }

    private struct NotClaimed: Error {}
}
