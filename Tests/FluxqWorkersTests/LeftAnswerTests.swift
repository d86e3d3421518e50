import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOCore
import Testing

@testable import FluxqWorkers

/// The dying process is simulated by an archive and a store that receive, and the next one by workers on the same
/// directory.
@Suite("Answers received before fluxqd was killed", .timeLimit(.minutes(30)))
struct LeftAnswerTests {
    private let fixture: WorkersFixture

    init() throws {
        fixture = try WorkersFixture()
    }

    private func incoming() throws -> [String] {
        try fixture.directory.incoming()
    }

    /// Returns a call that is open when the process dies.
    private func claim(n: Int) async throws -> Claim {
        try await fixture.submit("x", n: n)
        guard case .claimed(let claim) = try await fixture.store.claim() else { throw WorkersFixture.Unexpected() }
        return claim
    }

    private func inbox(_ claim: Claim) -> InlinePictures {
        InlinePictures(call: claim.call, spool: fixture.archive.spool, patience: { error in throw error })
    }

    private func receive(_ bytes: [UInt8], _ ordinal: Int, isValid: Bool = true, by inbox: InlinePictures) async throws
    {
        try await inbox.beginPicture(ordinal).write(ByteBuffer(bytes: bytes))
        try await inbox.endPicture(ordinal, isValid: isValid)
    }

    /// Runs the next process, from its start until the job is over.
    private func startOver(_ job: JobID) async throws -> Job {
        let next = try WorkersFixture(in: fixture.directory)
        let answered = Set(next.archive.spool.leftAnswers.map(\.call))
        _ = try await next.store.recover(keeping: answered)
        let result = Sent<Job>()
        try await next.run { _ in result.value = try await next.end(of: job) }
        return try #require(result.value)
    }

    @Test(
        "whole pictures of an unfinished answer are kept, with its request id, and the job is done with a warning"
    )
    func stillComing() async throws {
        let claim = try await claim(n: 4)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200, requestID: "req-7", sentAt: Timestamp(rawValue: 5)))
        try await receive(SamplePictures.png.bytes, 0, by: inbox)
        try await receive(SamplePictures.gif.bytes, 1, by: inbox)
        try await inbox.beginPicture(2).write(ByteBuffer(bytes: SamplePictures.jpeg.bytes.dropLast(9)))
        let job = try await startOver(claim.job)
        #expect(
            job.lifecycle.state.warning
                == "2 of 4 pictures came; the answer was cut off: fluxqd was stopped while it received the answer")
        #expect(job.pictures.count == 2)
        let entry = try #require(job.ledger.first)
        #expect(job.ledger.count == 1 && entry.billing == .billed && entry.requestID == "req-7" && entry.status == 200)
        #expect(try incoming() == [])
    }

    @Test("an answer without a whole picture is unknown; its request id is kept")
    func nothingWhole() async throws {
        let claim = try await claim(n: 1)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200, requestID: "req-7", sentAt: Timestamp(rawValue: 5)))
        try await inbox.beginPicture(0).write(ByteBuffer(bytes: SamplePictures.jpeg.bytes.dropLast(9)))
        let job = try await startOver(claim.job)
        #expect(LifecycleTable.Outcome(job.lifecycle.state).reason == .outcomeUnknown)
        #expect(job.ledger.first?.requestID == "req-7")
        #expect(try incoming() == [])
    }

    @Test("a finished answer is recorded unchanged: pictures, links, errors and all the rest")
    func whole() async throws {
        let claim = try await claim(n: 3)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200))
        try await receive(SamplePictures.png.bytes, 0, by: inbox)
        let answer = Answer(
            created: Timestamp(rawValue: 1000), usage: #"{"tokens":3}"#, requestID: "req-8",
            items: [
                AnswerItem(inline: 0), AnswerItem(link: "https://example.org/1.png"),
                AnswerItem(error: "moderation: no"),
            ], excerpt: "{}")
        let report = CallReport(
            outcome: .answered(answer), sentAt: Timestamp(rawValue: 9), status: 200, requestID: "req-8")
        try await fixture.archive.spool.note(AnswerNote(report).json, of: claim.call)

        let next = try WorkersFixture(in: fixture.directory)
        #expect(try await next.store.recover(keeping: Set(next.archive.spool.leftAnswers.map(\.call))) == [])
        try await next.run { _ in
            let download = try #require(await next.api.nextDownload())
            #expect(download.prompt == "https://example.org/1.png")
            try await #require(download.sink).write(ByteBuffer(bytes: SamplePictures.gif.bytes))
            download.answer(.complete)
            let job = try await next.end(of: claim.job)
            #expect(job.lifecycle.state.warning == "2 of 3 pictures came")
            #expect(job.answer == AnswerRecord(requestID: "req-8", created: answer.created, usage: answer.usage))
            #expect(job.ledger.first?.imagesCame == 2)
            guard case .unusable(nil, "moderation: no") = job.pictures[2].state else {
                Issue.record("\(job.pictures[2])")
                return
            }
        }
        #expect(try incoming() == [])
    }

    @Test("an inline picture lost by the disk is lost, without blaming the API", arguments: [1, 2])
    func lostPicture(n: Int) async throws {
        let claim = try await claim(n: n)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200, requestID: "req-7"))
        for ordinal in 0..<n {
            try await receive([SamplePictures.png, SamplePictures.gif][ordinal].bytes, ordinal, by: inbox)
        }
        let report = WorkersFixture.answered((0..<n).map { AnswerItem(inline: $0) })
        try await fixture.archive.spool.note(AnswerNote(report).json, of: claim.call)
        // The power failed before its bytes were on the disk.
        let name = try #require(try incoming().first { $0.hasPrefix("\(claim.job)-1-0-") })
        try Data(count: 100).write(to: URL(filePath: fixture.directory.path("incoming/\(name)")))
        let job = try await startOver(claim.job)
        #expect(LifecycleTable.Outcome(job.lifecycle.state).reason == .linkLost)
        #expect(
            job.pictures[0].state
                == .lost(message: .code(.inlineLost)))
        #expect(job.pictures.count == n && job.ledger.first?.billing == .billed)
        if n == 2, case .saved = job.pictures[1].state {} else { #expect(n == 1) }
        #expect(try incoming() == [])
    }

    @Test(
        "any outcome that had been read is recorded",
        arguments: [
            (CallOutcome.rejected(APIError(status: 400, message: "no")), "rejected"),
            (.noImage(Answer(items: [])), "no_image"), (.moderated(APIError(status: 400, message: "no")), "moderated"),
            (.rateLimited(APIError(status: 429, message: "slow"), retryAfter: .milliseconds(1500)), "rate_limited"),
            (.serverError(APIError(status: 500, message: "no")), "server_error"),
            (.unknown(APIError(status: 504, message: "gateway")), "unknown"),
        ])
    func outcomes(_ outcome: CallOutcome, word: String) async throws {
        let claim = try await claim(n: 1)
        let report = CallReport(outcome: outcome, sentAt: Timestamp(rawValue: 9), status: 200)
        try await fixture.archive.spool.note(AnswerNote(report).json, of: claim.call)
        let next = try WorkersFixture(in: fixture.directory)
        #expect(try await next.store.recover(keeping: Set(next.archive.spool.leftAnswers.map(\.call))) == [])
        try await next.run { _ in
            let job = try await next.job(claim.job) { $0.ledger.first?.outcome != nil }
            #expect(job.ledger.first?.outcome == word)
        }
        #expect(try incoming() == [])
    }

    @Test("a note that an earlier version left, with its messages in words, is read")
    func earlierNote() throws {
        let head = #""isLocal":false,"sentAt":9,"status":200"#
        func outcome(_ json: String) throws -> CallOutcome {
            let note = #"{"isComplete":true,"report":{"outcome":\#(json),\#(head)}}"#
            return try AnswerNote(json: Array(note.utf8)).report.outcome
        }
        #expect(
            try outcome(#"{"unknown":{"_0":{"message":"Reset."}}}"#) == .unknown(APIError(message: "Reset.")))
        #expect(
            try outcome(#"{"answered":{"_0":{"items":[{"inline":0}],"excerpt":"","defect":"canceled"}}}"#)
                == .answered(Answer(items: [AnswerItem(inline: 0)], defect: "canceled")))
    }

    @Test("a picture with invalid base64 is kept as bytes for a person to examine")
    func broken() async throws {
        let claim = try await claim(n: 2)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200))
        try await receive(Array(SamplePictures.png.bytes.dropLast(20)), 0, isValid: false, by: inbox)
        try await receive(SamplePictures.gif.bytes, 1, by: inbox)
        let job = try await startOver(claim.job)
        guard case .unusable(_?, .code(.inlineIsNotBase64)) = job.pictures[0].state else {
            Issue.record("\(job.pictures[0])")
            return
        }
        guard case .saved = job.pictures[1].state else {
            Issue.record("\(job.pictures[1])")
            return
        }
    }

    @Test("an answer recorded before the kill is not recorded again, and its files are removed")
    func recorded() async throws {
        let claim = try await claim(n: 1)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200))
        try await receive(SamplePictures.png.bytes, 0, by: inbox)
        let file = try #require(inbox.take(0)).file
        let stored = try await fixture.archive.storePicture(file).get()
        _ = try await fixture.store.record(
            WorkersFixture.answered([AnswerItem(inline: 0)]), of: claim, pictures: [.saved(stored)])
        let job = try await startOver(claim.job)
        #expect(job.pictures.count == 1 && job.lifecycle.state == .done(warning: nil))
        #expect(try incoming() == [])
    }

    @Test("a note that a power cut left incomplete is ignored; the pictures alone are used")
    func tornNote() async throws {
        let claim = try await claim(n: 1)
        let inbox = inbox(claim)
        await inbox.beginAnswer(AnswerHead(status: 200, requestID: "req-7"))
        try await receive(SamplePictures.png.bytes, 0, by: inbox)
        try await fixture.archive.spool.note(Array(repeating: 0, count: 200), of: claim.call)
        let job = try await startOver(claim.job)
        #expect(job.pictures.count == 1)
        guard case .done = job.lifecycle.state else {
            Issue.record("\(job.lifecycle.state)")
            return
        }
    }

    @Test("whole pictures count, whatever outcome the API's client reports")
    func whateverTheOutcome() async throws {
        let id = try await fixture.submit("x", n: 2)
        try await fixture.run { [fixture] _ in
            let call = try #require(await fixture.api.nextCall())
            let receiver = try #require(call.receiver)
            try await receiver.beginPicture(0).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            try await receiver.endPicture(0, isValid: true)
            call.answer(
                CallReport(
                    outcome: .unknown(APIError(message: "The connection was reset.")), sentAt: Timestamp(rawValue: 1)))
            let job = try await fixture.end(of: id)
            #expect(
                job.lifecycle.state.warning
                    == "1 of 2 pictures came; the answer was cut off: The connection was reset.")
        }
    }

    @Test("a picture that no item of the answer refers to is kept too; a duplicate is not")
    func unspokenOf() async throws {
        let id = try await fixture.submit("x", n: 2)
        try await fixture.run { [fixture] _ in
            let call = try #require(await fixture.api.nextCall())
            let receiver = try #require(call.receiver)
            for (ordinal, sample) in [SamplePictures.png, SamplePictures.gif, SamplePictures.png].enumerated() {
                try await receiver.beginPicture(ordinal).write(ByteBuffer(bytes: sample.bytes))
                try await receiver.endPicture(ordinal, isValid: true)
            }
            call.answer(WorkersFixture.answered([AnswerItem(inline: 0)]))
            let job = try await fixture.end(of: id)
            #expect(job.pictures.count == 2 && job.lifecycle.state == .done(warning: nil))
        }
        #expect(try incoming() == [])
    }

    @Test("whole pictures are kept when the drain time is over, and recorded before the end")
    func drainEnds() async throws {
        let fixture = try WorkersFixture { $0.drain = .zero }
        let id = try await fixture.submit("x", n: 2)
        try await fixture.run { _ in
            let receiver = try #require(await fixture.api.nextCall()?.receiver)
            try await receiver.beginPicture(0).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            try await receiver.endPicture(0, isValid: true)
        }
        let job = try #require(try await fixture.store.job(id, uid: WorkersFixture.alice.uid))
        #expect(job.lifecycle.state.warning == "1 of 2 pictures came; the answer was cut off: canceled")
        #expect(try incoming() == [])
    }

    @Test("a download that completed just as fluxqd stops is kept")
    func lastDownload() async throws {
        let id = try await fixture.submit("x")
        try await fixture.run { [fixture] shutDown in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png")]))
            let download = try #require(await fixture.api.nextDownload())
            try await #require(download.sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            fixture.api.completesCanceledDownloads = true
            await shutDown()
        }
        let job = try #require(try await fixture.store.job(id, uid: WorkersFixture.alice.uid))
        #expect(job.lifecycle.state == .done(warning: nil))
    }
}

/// Passes a value out of a closure that runs beside its caller. The caller reads it after that is over: hence
/// unchecked.
private final class Sent<Value: Sendable>: @unchecked Sendable {
    var value: Value?
}
