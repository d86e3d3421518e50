import FluxqFormats

/// What the words of one prompt make the sandbox do.
struct Script: Hashable, Sendable {
    /// How the call ends.
    enum Outcome: Hashable, Sendable {
        /// Pictures, with a 2xx status.
        case answer(status: Int)
        case refuse(VendorError, retryAfter: WrittenRetryAfter?)
        /// An HTML page such as a gateway sends.
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
        /// A good answer that ends too early in one of several ways.
        case cut(Cut)
        /// The body is the first picture and nothing else.
        case picture
        /// A task in place of a picture.
        case task(status: Int)
        /// Nothing but a flag that says that the content filter took the pictures away.
        case flag(Flag)
        /// That status without a body.
        case bare(status: Int)
        /// The connection is reset, the request having been read.
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
        /// After so many pictures nothing more comes, and the connection stays.
        case stallAfter(Int)
        /// All of the JSON is there, but the last chunk that would say so is not.
        case lastChunk
        /// Its announced length is right, and its last two bytes are missing.
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

    /// What the pictures stand in.
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

        /// What stands before the first picture, before and after each, and after the last.
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

        /// It has room for one picture.
        var isSingle: Bool { [.dataObject, .image, .output, .result].contains(self) }
    }

    /// The answer comes as server-sent events.
    enum Events: String, CaseIterable, Hashable, Sendable {
        /// Two previews before each picture, and `[DONE]`.
        case previews
        /// The whole answer in one event.
        case whole
        /// Its lines over several lines of `data:`.
        case split
        /// An error event.
        case error
    }

    /// What stands around the JSON.
    enum Wrapping: String, CaseIterable, Hashable, Sendable {
        case spaces, bom, trailing, lines, notice
    }

    /// A content coding of the answer.
    struct Coding: Hashable, Sendable {
        /// What the header says.
        var said: String
        var applied: [Deflater.Format] = []
        var isBroken = false
    }

    /// What links lack.
    enum RelativeLink: String, CaseIterable, Hashable, Sendable {
        case path, scheme
    }

    /// `data` of the answer.
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

    /// What stands before inline base64.
    enum Prefix: String, Hashable, Sendable {
        case png = "data:image/png;base64,"
        case upperCaseJPEG = "data:image/JPEG;base64,"
        case noType = "data:;base64,"
        case none = ""
    }

    /// Where links lead.
    enum Host: Hashable, Sendable {
        case sandbox, privateAddress, otherScheme
    }

    var outcome = Outcome.answer(status: 200)
    var errorStyle = VendorError.Style()
    /// Fields that OpenAI's images API does not know are refused.
    var isStrict = false

    var dataField = DataField.pictures
    /// At most so many pictures, whatever `n` says.
    var fewer: Int?
    /// The last picture is an error of that code instead.
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
    /// The field that was not asked for is there and empty.
    var emptyOther = false
    var created = Created.number
    var usage = Usage.full
    var prefix = Prefix.png
    var base64 = Base64Form()

    var host = Host.sandbox
    var relativeLink: RelativeLink?
    var linkTraits = FileLink.Traits()
    /// Seconds from the answer to the link's end; nil: as configured.
    var linkSeconds: Int?

    var content = PicturePlan.Content.whole
    var format = PictureFormat.png
    /// Pixels; nil: as large as `bytes` allows, at most `usualSide` square.
    var size: Size?
    var bytes: Int?

    /// Seconds to wait before answering.
    var slowSeconds = 0.0
    /// A file of the sandbox's directory to wait for before answering.
    var untilFile: String?
    /// The first so many calls of the same request fail.
    var times: Int?

    struct Size: Hashable, Sendable {
        let width: Int
        let height: Int
    }

    static let usualSide = 1024

    var pictureSize: Size {
        if let size { return size }
        guard let bytes else { return Size(width: Self.usualSide, height: Self.usualSide) }
        // A pixel takes a byte; signature, palette and the like take about a thousand.
        let side = Int(Double(max(bytes - 1200, 1)).squareRoot() * 0.99)
        let fitting = min(max(side, 1), Self.usualSide)
        return Size(width: fitting, height: fitting)
    }

    /// Whether a call for `wanted` pictures may have cost money at the real vendor.
    func isBilled(wanted: Int) -> Bool {
        switch outcome {
        // An answer of nothing but errors sells nothing.
        case .answer where events == .error: false
        case .answer: dataField != .pictures || itemError == nil || made(of: wanted) > 1
        case .truncated, .cut, .picture, .task, .reset, .stall: true
        case .flag: false
        case .bare(let status): FluxqSandbox.isBilled(status: status)
        case .refuse(let error, _): FluxqSandbox.isBilled(status: error.status)
        case .page(let status): FluxqSandbox.isBilled(status: status)
        // It says that it failed, whatever its status.
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

    /// How many pictures a request for `wanted` is billed for.
    func imagesBilled(wanted: Int) -> Int {
        guard isBilled(wanted: wanted) else { return 0 }
        guard case .answer = outcome, dataField == .pictures else { return wanted }
        let made = made(of: wanted)
        return itemError == nil ? made : max(made - 1, 0)
    }

    /// How many elements `data` has.
    private func made(of wanted: Int) -> Int { min(fewer ?? wanted, wanted) }
}
