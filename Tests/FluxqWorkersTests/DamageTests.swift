import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWords
import Foundation
import Logging
import NIOCore
import Testing

@testable import FluxqWorkers

@Suite("Workers and damaged content", .timeLimit(.minutes(30)))
struct DamageTests {
    private func flipBit(_ hash: ContentHash, in fixture: WorkersFixture) throws {
        let path = fixture.directory.path("objects/sha256/\(hash.hex.prefix(2))/\(hash.hex)")
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 1
        try FileManager.default.removeItem(atPath: path)
        try bytes.write(to: URL(filePath: path))
    }

    private func archived(_ sample: SamplePicture, in fixture: WorkersFixture) async throws -> StoredPicture {
        let file = try await fixture.archive.spool.receive(limit: .max)
        try await file.write(ByteBuffer(bytes: sample.bytes))
        return try await fixture.archive.storePicture(file).get()
    }

    @Test("a damaged input is never sent: its job fails with a message and nothing is billed")
    func input() async throws {
        let fixture = try WorkersFixture()
        let input = try await archived(SamplePictures.png, in: fixture)
        try await fixture.store.addInput(input, owner: WorkersFixture.alice)
        var draft = EditRequest.Draft()
        draft.prompt = "x"
        draft.image = .content(input.hash)
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        guard
            case .created(let job) = try await fixture.store.submit(
                .init(owner: WorkersFixture.alice, request: request))
        else { throw WorkersFixture.Unexpected() }
        try flipBit(input.hash, in: fixture)
        try await fixture.run { _ in
            let ended = try await fixture.end(of: job.id)
            guard case .failed(let failure) = ended.lifecycle.state else { throw WorkersFixture.Unexpected() }
            #expect(failure.reason == .rejected)
            #expect(failure.message.words.contains("damaged") && failure.message.words.contains("Nothing was billed"))
        }
        #expect(fixture.api.mostInFlight == 0)
    }

    @Test("a scrub finds a damaged picture while its link is valid, and the workers download it without another call")
    func scrub() async throws {
        let fixture = try WorkersFixture()
        let id = try await fixture.submit("x")
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png")]))
            let first = try #require(await fixture.api.nextDownload())
            try await #require(first.sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            first.answer(.complete)
            let done = try await fixture.end(of: id)
            guard case .saved(let picture) = done.pictures[0].state else { throw WorkersFixture.Unexpected() }
            try flipBit(picture.hash, in: fixture)

            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let scrubber = Scrubber(
                .init(
                    store: fixture.store, archive: fixture.archive, apis: [Lane.defaultEndpoint: fixture.api],
                    clock: FluxqWorkers.SystemClock(),
                    settings: fixture.settings, logger: logger))
            try await scrubber.scrub(try #require(UInt8(picture.hash.hex.prefix(2), radix: 16)))

            let again = try #require(await fixture.api.nextDownload())
            #expect(again.prompt == "https://example.org/1.png")
            try await #require(again.sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            again.answer(.complete)
            let whole = try await fixture.job(id) { $0.pictures[0].damaged == nil }
            #expect(whole.pictures == done.pictures && whole.lifecycle == done.lifecycle)
        }
    }
}
