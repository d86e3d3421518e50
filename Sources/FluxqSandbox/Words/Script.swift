import FluxqFormats

/// The behavior that the words of one prompt request.
struct Script: Hashable, Sendable {
    /// How the call ends.
    enum Outcome: Hashable, Sendable {
        /// Pictures, with a 2xx status.
        case answer(status: Int)
        case refuse(VendorError, retryAfter: WrittenRetryAfter?)
        /// An HTML page as gateways send it.
        case page(status: Int)
        /// `{"error": "a bare string"}`
        case bareError(status: Int)
        /// An error object with HTTP status 200.
        case errorObject(VendorError)
        /// `{"code": …, "message": …}` with HTTP status 200.
        case envelope(code: Int)
        case redirect(status: Int)
        /// A good answer that breaks off in the middle.
        case truncated
        /// A good answer that ends too early.
        case cut(Cut)
        /// The body is the first picture and nothing else.
        case picture
        /// A task instead of pictures.
        case task(status: Int)
        /// Only a flag that the content filter removed the pictures.
        case flag(Flag)
        /// That status without a body.
        case bare(status: Int)
        /// The connection is reset after the request has been read.
        case reset
        /// No answer, ever.
        case stall
        /// The connection is reset without reading the picture.
        case hangup
    }

    /// How a good answer ends too early.
    enum Cut: Hashable, Sendable {
        /// The connection ends in the middle of that picture or link, counted from 1.
        case inItem(Int)
        /// After this many pictures nothing more is sent, and the connection stays open.
        case stallAfter(Int)
        /// The JSON is complete, but the last chunk, which ends it, is missing.
        case lastChunk
        /// Its declared length is right, but its last two bytes are missing.
        case lastBytes
    }

    enum Flag: String, CaseIterable, Hashable, Sendable {
        case flagged, nsfw, concepts
        case finishReason = "finish-reason"
        case status
        case blockReason = "block-reason"

        var json: String {
            switch self {
            case .flagged: #"{"id":"x","flagged":true,"data":[]}"#
            case .nsfw: #"{"data":[{"nsfw":true,"url":""}]}"#
            case .concepts: #"{"images":[],"has_nsfw_concepts":[true]}"#
            case .finishReason: #"{"artifacts":[{"base64":"","finishReason":"CONTENT_FILTERED"}]}"#
            case .status: #"{"id":"x","status":"Content Moderated","result":null}"#
            case .blockReason: #"{"promptFeedback":{"blockReason":"SAFETY"}}"#
            }
        }
    }

    /// The JSON structure that contains the pictures.
    enum Shape: String, CaseIterable, Hashable, Sendable {
        case dataObject = "data-object"
        case images
        case strings
        case image
        case output
        case outputs
        case nested
        case result
        case artifacts
        case imageURL = "image-url"
        case chat
        case parts
        case list

        /// The text before the first picture, before and after each, and after the last.
        var frame: (open: String, item: (String, String), close: String) {
            switch self {
            case .dataObject: ("\"data\":", ("{\"url\":", "}"), "")
            case .images: ("\"images\":[", ("{\"url\":", ",\"width\":24}"), "]")
            case .strings: ("\"images\":[", ("", ""), "]")
            case .image: ("", ("\"image\":", ""), "")
            case .output: ("", ("\"status\":\"succeeded\",\"output\":", ""), "")
            case .outputs: ("\"output\":[", ("", ""), "]")
            case .nested: ("\"code\":0,\"data\":{\"images\":[", ("{\"url\":", "}"), "]}")
            case .result: ("", ("\"status\":\"Ready\",\"result\":{\"sample\":", "}"), "")
            case .artifacts: ("\"artifacts\":[", ("{\"finishReason\":\"SUCCESS\",\"base64\":", "}"), "]")
            case .imageURL: ("\"data\":[", ("{\"image_url\":{\"url\":", "}}"), "]")
            case .chat:
                (
                    "\"choices\":[{\"message\":{\"content\":\"Here it is\",\"images\":[",
                    ("{\"type\":\"image_url\",\"image_url\":{\"url\":", "}}"), "]}}]"
                )
            case .parts:
                (
                    "\"candidates\":[{\"content\":{\"parts\":[",
                    ("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":", "}}"), "]}}]"
                )
            case .list: ("[", ("{\"url\":", "}"), "]")
            }
        }

        /// True if it has room for only one picture.
        var isSingle: Bool { [.dataObject, .image, .output, .result].contains(self) }
    }

    /// The answer is sent as server-sent events.
    enum Events: String, CaseIterable, Hashable, Sendable {
        /// Two previews before each picture, and `[DONE]`.
        case previews
        /// The whole answer in one event.
        case whole
        /// Its lines are split over several lines of `data:`.
        case split
        /// An error event.
        case error
    }

    /// Text around the JSON.
    enum Wrapping: String, CaseIterable, Hashable, Sendable {
        case spaces, bom, trailing, lines, notice
    }

    /// A content coding of the answer.
    struct Coding: Hashable, Sendable {
        /// The value of the header.
        var said: String
        var applied: [Deflater.Format] = []
        var isBroken = false
    }

    /// The missing part of links.
    enum RelativeLink: String, CaseIterable, Hashable, Sendable {
        case path, scheme
    }

    /// The `data` of the answer.
    enum DataField: Hashable, Sendable {
        case pictures
        case empty, null, missing
    }

    enum Form: Hashable, Sendable {
        case asAsked, inline, link, both
    }

    enum Created: Hashable, Sendable {
        case number, string, missing
    }

    enum Usage: Hashable, Sendable {
        case full, empty, missing
    }

    /// The text before inline base64.
    enum Prefix: String, Hashable, Sendable {
        case png = "data:image/png;base64,"
        case upperCaseJPEG = "data:image/JPEG;base64,"
        case noType = "data:;base64,"
        case none = ""
    }

    /// The target of links.
    enum Host: Hashable, Sendable {
        case sandbox, privateAddress, otherScheme
    }

    var outcome = Outcome.answer(status: 200)
    var errorStyle = VendorError.Style()
    /// True if fields that OpenAI's images API does not know are rejected.
    var isStrict = false

    var dataField = DataField.pictures
    /// Maximum number of pictures, whatever `n` is.
    var fewer: Int?
    /// The last picture is replaced by an error with this code.
    var itemError: String?
    /// The first picture's base64 has a wrong letter.
    var wrongLetter = false
    var shape: Shape?
    var events: Events?
    var wrapping: Wrapping?
    var coding: Coding?
    /// `x-should-retry` of an error.
    var shouldRetry: Bool?
    var form = Form.asAsked
    /// True if the field that was not requested is present but empty.
    var emptyOther = false
    var created = Created.number
    var usage = Usage.full
    var prefix = Prefix.png
    var base64 = Base64Form()

    var host = Host.sandbox
    var relativeLink: RelativeLink?
    var linkTraits = FileLink.Traits()
    /// Seconds from the answer to the link's expiry; nil for the configured lifetime.
    var linkSeconds: Int?

    var content = PicturePlan.Content.whole
    var format = PictureFormat.png
    /// In pixels; nil for as large as `bytes` allows, at most `usualSide` square.
    var size: Size?
    var bytes: Int?

    /// Seconds to wait before answering.
    var slowSeconds = 0.0
    /// A file of the sandbox's directory to wait for before answering.
    var untilFile: String?
    /// The number of first calls of the same request that are affected.
    var times: Int?

    struct Size: Hashable, Sendable {
        let width: Int
        let height: Int
    }

    static let usualSide = 1024

    var pictureSize: Size {
        if let size { return size }
        guard let bytes else { return Size(width: Self.usualSide, height: Self.usualSide) }
        // A pixel takes one byte; signature, palette and other parts take about a thousand.
        let side = Int(Double(max(bytes - 1200, 1)).squareRoot() * 0.99)
        let fitting = min(max(side, 1), Self.usualSide)
        return Size(width: fitting, height: fitting)
    }

    /// True if the real vendor may have billed a call for `wanted` pictures.
    func isBilled(wanted: Int) -> Bool {
        switch outcome {
        // An answer with only errors is not billed.
        case .answer where events == .error: false
        case .answer: dataField != .pictures || itemError == nil || made(of: wanted) > 1
        case .truncated, .cut, .picture, .task, .reset, .stall: true
        case .flag: false
        case .bare(let status): FluxqSandbox.isBilled(status: status)
        case .refuse(let error, _): FluxqSandbox.isBilled(status: error.status)
        case .page(let status): FluxqSandbox.isBilled(status: status)
        // It reports a failure, whatever its status.
        case .bareError(let status): status >= 300 && FluxqSandbox.isBilled(status: status)
        case .errorObject(let error): FluxqSandbox.isBilled(status: error.status)
        case .envelope(let code): FluxqSandbox.isBilled(status: code)
        case .redirect, .hangup: false
        }
    }

    /// The status of the answer; nil if there is none.
    var status: Int? {
        switch outcome {
        case .answer(let status), .page(let status), .bareError(let status), .redirect(let status),
            .task(let status), .bare(let status):
            status
        case .refuse(let error, _): error.status
        case .errorObject, .envelope, .truncated, .cut, .picture, .flag: 200
        case .reset, .stall, .hangup: nil
        }
    }

    /// The number of pictures billed for a request for `wanted`.
    func imagesBilled(wanted: Int) -> Int {
        guard isBilled(wanted: wanted) else { return 0 }
        guard case .answer = outcome, dataField == .pictures else { return wanted }
        let made = made(of: wanted)
        return itemError == nil ? made : max(made - 1, 0)
    }

    /// The number of elements in `data`.
    private func made(of wanted: Int) -> Int { min(fewer ?? wanted, wanted) }
}
