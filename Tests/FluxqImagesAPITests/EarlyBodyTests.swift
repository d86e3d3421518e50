import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import Testing

@testable import FluxqImagesAPI

/// Here the peer answers, closes, and is done before the request's end has been handed over, as a fast API does with a
/// busy host.
@Suite("An answer that is over before its request is read to its last byte")
struct EarlyBodyTests {
    /// Opened once; all waiting tasks then continue.
    private final class Barrier: Sendable {
        private let (stream, continuation) = AsyncStream.makeStream(of: Void.self)

        func open() { continuation.finish() }

        func wait() async { for await _ in stream {} }
    }

    /// A picture that cannot be read before the answer has arrived.
    private struct LateSource: PictureSource {
        let mediaType = "image/png"
        let size: Int64 = 3
        let barrier: Barrier

        func read(at offset: Int64, count: Int) async throws -> ByteBuffer {
            await barrier.wait()
            throw CancellationError()
        }
    }

    /// A receiver that is busy with the first picture until the connection has closed.
    private struct BusyAlbum: PictureReceiver {
        let album = Album()
        let isTaken: DispatchSemaphore
        let barrier: Barrier

        func beginPicture(_ ordinal: Int) async throws -> any PictureSink {
            isTaken.signal()
            await barrier.wait()
            return try album.beginPicture(ordinal)
        }

        func endPicture(_ ordinal: Int, isValid: Bool) async throws { album.endPicture(ordinal, isValid: isValid) }
    }

    @Test("while its reader is busy with the beginning", arguments: [true, false])
    func busyReader(isWhole: Bool) async throws {
        let pictures = [70_000, 3_000, 3_000].map { count in
            (0..<Int64(count)).map { PatternSource.byte(at: $0 + Int64(count)) }
        }
        let items = pictures.map { "{\"b64_json\":\"\(Data($0).base64EncodedString())\"}" }
        let answer = Array("{\"data\":[\(items.joined(separator: ",")),{\"url\":\"https://pictures.example/4\"}]}".utf8)
        let (isTaken, barrier) = (DispatchSemaphore(value: 0), Barrier())
        let server = try ScriptedServer { peer in
            defer { barrier.open() }
            _ = try peer.readHead()
            try peer.send(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(answer.count)\r\n\r\n")
            let beginning = 90_000
            try peer.send(Array(answer[..<beginning]))
            isTaken.wait()
            // If the answer breaks off, its closing brackets are missing.
            let end = answer.count - (isWhole ? 0 : 2)
            for place in stride(from: beginning, to: end, by: 200) {
                try peer.send(Array(answer[place..<min(place + 200, end)]))
            }
            peer.endSending()
            peer.readToEnd()
        }
        defer { server.stop() }
        let client = try ImagesClient(.init(baseURL: "http://127.0.0.1:\(server.port)/v1", apiKey: APIKey(secret)))
        let receiver = BusyAlbum(isTaken: isTaken, barrier: barrier)
        let report = await client.generate(
            try request(image: someContent), picture: LateSource(barrier: barrier), receiver: receiver)
        await client.shutdown()
        #expect(report.outcome.row == "answered", "\(report)")
        #expect(report.outcome.answer?.items.map(\.inline) == [0, 1, 2, nil])
        #expect(report.outcome.answer?.items.last?.link == "https://pictures.example/4")
        #expect((report.outcome.answer?.defect == nil) == isWhole)
        #expect(receiver.album.pages == pictures.map { Album.Page(bytes: $0, isValid: true) })
    }
}
