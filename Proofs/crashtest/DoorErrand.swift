import FluxqProofKit
import FluxqTestSupport
import Foundation

/// A client of OpenAI's API that wants one answer. It has no key and knows nothing of fluxq: it hangs up at any byte, and
/// sends its request again.
struct DoorErrand: Sendable {
    enum Form: CaseIterable, Sendable {
        case multipart, json
    }

    /// The daemon has gone.
    struct Loss: Error {}

    /// A client sends a request once, and again this often.
    static let retries = 3

    private let form: Form
    private let picture: [UInt8]
    private let n: Int?
    /// One for each request; after them none hangs up.
    private let hangUps: [DoorExchange.HangUp]
    private let farewell: DoorExchange.Farewell
    /// True if `x-stainless-retry-count` says how often the request was sent before.
    private let isMarked: Bool
    private(set) var job: SubmittedJob
    private var sent = 0
    private(set) var isOver = false

    init(
        name: String, words: String, n: Int?, form: Form, hangUps: [DoorExchange.HangUp],
        farewell: DoorExchange.Farewell, isMarked: Bool
    ) {
        job = SubmittedJob(prompt: "\(name) sandbox:size=16x16 \(words)", isOfDoor: true)
        picture = SamplePictures.jpeg.bytes + Array(name.utf8)
        self.n = n
        self.form = form
        self.hangUps = hangUps
        self.farewell = farewell
        self.isMarked = isMarked
    }

    /// Sends requests until one is answered or the client gives up.
    ///
    /// - Parameter again: whether a client that has given up comes back.
    /// - Throws: `Loss` if the daemon goes away; `ProofFailure` if an answer is none.
    mutating func go(_ socket: String, again: Bool) async throws {
        var isBack = again
        while !isOver, sent <= Self.retries || isBack {
            if sent > Self.retries { isBack = false }
            let exchange = DoorExchange(
                socket: socket, request: request, hangUp: sent < hangUps.count ? hangUps[sent] : .never,
                farewell: farewell)
            sent += 1
            switch await Self.onOwnThread(exchange.run) {
            case .hungUp: continue
            case .lost: throw Loss()
            case .answered(let answer): try take(answer)
            }
        }
    }

    private mutating func take(_ answer: DoorExchange.Answer) throws {
        guard let document = answer.document else {
            throw ProofFailure(
                "\(job.prompt) was answered with \(answer.status) \(String(decoding: answer.body.prefix(500), as: UTF8.self))"
            )
        }
        if answer.shouldRetry { return }
        if case .pictures(let number, _) = document { job.acknowledged = number }
        job.answer = document
        isOver = true
    }

    private static func onOwnThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: work()) }
        }
    }

    // MARK: - The request

    private var request: [UInt8] {
        let (type, body) = form == .multipart ? multipart : json
        // The time is that of a short call and some waiting: a held lane must not keep the round.
        let head = """
            POST /v1/images/edits HTTP/1.1\r
            Host: fluxq\r
            Authorization: Bearer -\r
            Content-Type: \(type)\r
            Content-Length: \(body.count)\r
            x-stainless-read-timeout: 8\r
            \(isMarked ? "x-stainless-retry-count: \(sent)\r\n" : "")\r

            """
        return Array(head.utf8) + body
    }

    /// With a boundary of its own each time, as in the clients' libraries.
    private var multipart: (type: String, body: [UInt8]) {
        let boundary = "boundary-\(UUID().uuidString)"
        var body: [UInt8] = []
        var fields = [("prompt", job.prompt)]
        if let n { fields.append(("n", "\(n)")) }
        for (name, value) in fields {
            body += Array(
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
        }
        body += Array(
            ("--\(boundary)\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n"
                + "Content-Type: image/jpeg\r\n\r\n").utf8)
        body += picture + Array("\r\n--\(boundary)--\r\n".utf8)
        return ("multipart/form-data; boundary=\(boundary)", body)
    }

    private var json: (type: String, body: [UInt8]) {
        let text =
            #"{"prompt":"\#(job.prompt)","image":"data:image/jpeg;base64,\#(Data(picture).base64EncodedString())""#
            + (n.map { #","n":\#($0)"# } ?? "") + "}"
        return ("application/json", Array(text.utf8))
    }
}
