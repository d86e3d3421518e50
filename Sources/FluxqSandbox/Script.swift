import FluxqFormats

/// What the words of one prompt make the sandbox do.
struct Script: Hashable, Sendable {
    /// How the call ends.
    enum Outcome: Hashable, Sendable {
        /// Pictures, with a 2xx status.
        case answer(status: Int)
        case refuse(VendorError, retryAfter: RetryAfter?)
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
        /// The connection is reset, the request having been read.
        case reset
        /// No answer, ever.
        case stall
        /// The connection is reset without reading the picture.
        case hangup
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

    var dataField = DataField.pictures
    /// At most so many pictures, whatever `n` says.
    var fewer: Int?
    /// The last picture is an error instead.
    var itemError = false
    var form = Form.asAsked
    /// The field that was not asked for is there and empty.
    var emptyOther = false
    var created = Created.number
    var usage = Usage.full
    var prefix = Prefix.png
    var base64 = Base64Form()

    var host = Host.sandbox
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
        case .answer: dataField != .pictures || !itemError || made(of: wanted) > 1
        case .truncated, .reset, .stall: true
        case .refuse(let error, _): FluxqSandbox.isBilled(status: error.status)
        case .page(let status): FluxqSandbox.isBilled(status: status)
        // It says that it failed, whatever its status.
        case .bareError(let status): status >= 300 && FluxqSandbox.isBilled(status: status)
        case .errorObject(let error): FluxqSandbox.isBilled(status: error.status)
        case .envelope(let code): FluxqSandbox.isBilled(status: code)
        case .redirect, .hangup: false
        }
    }

    /// The status of the answer; nil where there is none.
    var status: Int? {
        switch outcome {
        case .answer(let status), .page(let status), .bareError(let status), .redirect(let status): status
        case .refuse(let error, _): error.status
        case .errorObject, .envelope, .truncated: 200
        case .reset, .stall, .hangup: nil
        }
    }

    /// How many pictures a request for `wanted` is billed for.
    func imagesBilled(wanted: Int) -> Int {
        guard isBilled(wanted: wanted) else { return 0 }
        guard case .answer = outcome, dataField == .pictures else { return wanted }
        let made = made(of: wanted)
        return itemError ? max(made - 1, 0) : made
    }

    /// How many elements `data` has.
    private func made(of wanted: Int) -> Int { min(fewer ?? wanted, wanted) }
}
