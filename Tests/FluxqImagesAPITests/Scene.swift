import FluxqModel
import FluxqTestSupport
import FluxqWords
import NIOCore
import Synchronization

@testable import FluxqImagesAPI

let secret = "sk-test-0123456789"

/// Runs a client and the server that it calls, and shuts them down at the end.
func withScene<Value>(
    _ server: RawServer, timeout: Duration = .seconds(3600), unbilledStatuses: Set<Int> = [500, 503],
    downloads: ImagesClient.Configuration.Downloads? = nil, path: String = "/v1",
    host: String? = nil, _ body: (ImagesClient) async throws -> Value
) async throws -> Value {
    let client = try ImagesClient(
        .init(
            baseURL: BaseURL((host ?? "http://127.0.0.1:\(server.port)") + path), apiKey: APIKey(secret),
            timeout: timeout,
            unbilledStatuses: unbilledStatuses, downloads: downloads ?? .init(trustedHosts: ["127.0.0.1"])))
    let result: Result<Value, any Error>
    do {
        result = .success(try await body(client))
    } catch {
        result = .failure(error)
    }
    await client.shutdown()
    try await server.shutdown()
    return try result.get()
}

/// Returns a request without a picture of its own.
func request(
    image: EditRequest.Image = .link("https://example.com/cat.png"), edit: (inout EditRequest.Draft) -> Void = { _ in }
) throws -> EditRequest {
    var draft = EditRequest.Draft()
    draft.prompt = "Convert to \"quick\" pencil sketch"
    draft.image = image
    edit(&draft)
    return try draft.validated(defaultModel: "black-forest-labs/flux-kontext-max", drawSeed: { 7 }).get()
}

let someContent = EditRequest.Image.content(ContentHash(digest: [UInt8](repeating: 0xAB, count: 32)))

/// A picture whose bytes depend on their offset.
struct PatternSource: PictureSource {
    let mediaType = "image/png"
    let size: Int64
    /// Reading stops at this offset, as if the file had shrunk.
    var readable = Int64.max

    func read(at offset: Int64, count: Int) -> ByteBuffer {
        let end = min(offset + Int64(count), size, readable)
        return ByteBuffer(bytes: offset < end ? (offset..<end).map(Self.byte) : [])
    }

    static func byte(at place: Int64) -> UInt8 { UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8) }
}

struct BrokenSource: PictureSource {
    struct Failure: Error {}
    let mediaType = "image/png"
    let size: Int64 = 1000
    func read(at offset: Int64, count: Int) throws -> ByteBuffer { throw Failure() }
}

/// Keeps the received pictures in memory.
final class Album: PictureReceiver {
    struct Page: Equatable {
        var bytes: [UInt8] = []
        /// nil until it has ended.
        var isValid: Bool?
    }

    struct Full: Error {}

    /// The number of bytes of a picture that are accepted.
    let room: Int
    /// The ordinal of each picture that has begun.
    let begins: AsyncStream<Int>
    private let begun: AsyncStream<Int>.Continuation
    private let list = Mutex<[Page]>([])

    init(room: Int = .max) {
        self.room = room
        (begins, begun) = AsyncStream.makeStream(of: Int.self)
    }

    var pages: [Page] { list.withLock { $0 } }

    func beginPicture(_ ordinal: Int) throws -> any PictureSink {
        try list.withLock {
            guard ordinal == $0.count else { throw Full() }
            $0.append(Page())
        }
        begun.yield(ordinal)
        return Sink(album: self, ordinal: ordinal)
    }

    func endPicture(_ ordinal: Int, isValid: Bool) {
        list.withLock { $0[ordinal].isValid = isValid }
    }

    private struct Sink: PictureSink {
        let album: Album
        let ordinal: Int

        func write(_ bytes: ByteBuffer) throws {
            try album.list.withLock {
                $0[ordinal].bytes += bytes.readableBytesView
                if $0[ordinal].bytes.count > album.room { throw Full() }
            }
        }
    }
}

/// Receives one download.
final class Tray: PictureSink {
    private let content: Mutex<[UInt8]>
    private let begun = Mutex<[BodyHead]>([])
    private let validator: String?
    let room: Int

    /// - Parameters:
    /// - text: the bytes that an earlier try has left.
    /// - validator: the validator of the body to which these bytes belong.
    init(room: Int = .max, holding text: String = "", validator: String? = nil) {
        self.room = room
        self.validator = validator
        content = Mutex(Array(text.utf8))
    }

    var bytes: [UInt8] { content.withLock { $0 } }
    /// The head of each body that has begun.
    var heads: [BodyHead] { begun.withLock { $0 } }

    var resumePoint: ResumePoint? {
        validator.map { ResumePoint(offset: Int64(bytes.count), validator: $0) }
    }

    func begin(_ head: BodyHead) {
        begun.withLock { $0.append(head) }
        content.withLock { $0 = [] }
    }

    func write(_ bytes: ByteBuffer) throws {
        try content.withLock {
            $0 += bytes.readableBytesView
            if $0.count > room { throw Album.Full() }
        }
    }
}

extension CallOutcome {
    /// The case's name: the row of the outcome table.
    var row: String {
        switch self {
        case .answered: "answered"
        case .noImage: "noImage"
        case .rejected: "rejected"
        case .moderated: "moderated"
        case .notSent: "notSent"
        case .accountClosed: "accountClosed"
        case .wrongAddress: "wrongAddress"
        case .rateLimited: "rateLimited"
        case .serverError: "serverError"
        case .unknown: "unknown"
        case .webPage: "webPage"
        }
    }

    var error: APIError? {
        switch self {
        case .rejected(let error), .moderated(let error), .accountClosed(let error), .wrongAddress(let error),
            .rateLimited(let error, _), .serverError(let error), .unknown(let error), .webPage(let error):
            error
        case .answered, .noImage, .notSent: nil
        }
    }

    var answer: Answer? {
        switch self {
        case .answered(let answer), .noImage(let answer): answer
        default: nil
        }
    }

    /// The message for a person.
    var message: String {
        if case .notSent(let message) = self { message.words } else { error?.message.words ?? "" }
    }
}
