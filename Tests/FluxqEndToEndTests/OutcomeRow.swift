import FluxqModel
import FluxqTestSupport

/// One row of the outcome table as a user sees it: what the API does, and the result for the job and the bill.
struct OutcomeRow: Sendable, CustomStringConvertible {
    /// The daemon that plays it.
    enum Place: Sendable {
        /// Together with the others: it affects no other row.
        case beside
        /// One after the other: it holds or slows the whole queue.
        case inTurn
        /// Alone, with an API timeout of twenty seconds.
        case hurried
    }

    /// Words of the sandbox, without `sandbox:`.
    let play: String
    var options: [String] = []
    var place = Place.beside
    var input = SamplePictures.png.bytes
    /// True if a person cancels the job instead of waiting for its end.
    var isCanceled = false

    let state: JobState
    var reason: FailureReason?
    /// The beginning of its warning; nil if there is none.
    var warning: String?
    /// The number of pictures depends on where the answer breaks off: `images` is the minimum.
    var isAtLeast = false
    /// A part of its warning, if only a part matters.
    var warns: String?
    /// A part of its message.
    var says: String?
    /// Its calls, as in fluxq's ledger.
    let calls: [CallOutcome.Kind]
    /// Calls that count as attempts.
    let attempts: Int
    /// Calls that the sandbox would have billed.
    let billed: Int
    let images: Int
    var mediaType = "image/png"
    /// The shortest time between the first call and the second.
    var pause = Duration.zero

    var description: String { ([play.isEmpty ? "plain" : play] + options).joined(separator: " ") }

    /// The names of the words, without their values.
    var words: [String] { play.split(separator: " ").map { String($0.prefix { $0 != "=" }) } }

    func prompt(_ number: Int) -> String {
        (["row \(number)"] + play.split(separator: " ").map { "sandbox:\($0)" }).joined(separator: " ")
    }

    /// - Parameter before: calls before the answered one; those that concern the whole queue count as no attempt.
    static func done(
        _ play: String, after before: [CallOutcome.Kind] = [], _ options: [String] = [], images: Int = 2,
        warning: String? = nil, warns: String? = nil, _ change: (inout OutcomeRow) -> Void = { _ in }
    ) -> OutcomeRow {
        let calls = before + [.answered]
        var row = OutcomeRow(
            play: play, options: options, state: .done, warning: warning, calls: calls,
            attempts: calls.count { !$0.isTaken }, billed: calls.count { $0.billing != .notBilled }, images: images)
        row.warns = warns
        change(&row)
        return row
    }

    static func failed(
        _ play: String, _ reason: FailureReason, _ calls: [CallOutcome.Kind], _ options: [String] = [],
        says: String? = nil, images: Int = 0, _ change: (inout OutcomeRow) -> Void = { _ in }
    ) -> OutcomeRow {
        var row = OutcomeRow(
            play: play, options: options, state: .failed, reason: reason, says: says, calls: calls,
            attempts: calls.count { !$0.isTaken }, billed: calls.count { $0.billing != .notBilled }, images: images)
        change(&row)
        return row
    }

    /// A failure of the whole queue, once; then the job is done.
    static func passing(_ play: String, _ call: CallOutcome.Kind, atLeast pause: Duration = .zero) -> OutcomeRow {
        .done("\(play) times=1", after: [call]) {
            $0.place = .inTurn
            $0.pause = pause
        }
    }
}

extension CallOutcome.Kind {
    /// True if the call is taken back and counts as no attempt.
    fileprivate var isTaken: Bool { [.notSent, .accountClosed, .wrongAddress, .rateLimited].contains(self) }
}

extension OutcomeRow {
    static let all: [OutcomeRow] = [
        pictures, answers, cut, links, codings, codingsSaid, foreign, flawed, noImage, refused, repeated, unknown,
        account, address, rateLimits,
    ].flatMap(\.self)

    private static let base64 = ["--response-format", "b64_json"]
    private static let formats = ["jpeg", "webp", "gif", "avif"]
    private static let others = ["json", "svg", "nothing"]

    /// 2xx with pictures, whatever type they are declared as.
    static let pictures: [OutcomeRow] =
        [
            .done(""), .done("", base64), .done("inline"), .done("link", base64), .done("both"),
            .done("status=201"), .done("size=40x30"), .done("bytes=5000"), .done("slow=0.1"),
            .done("inline b64-bare"), .done("inline jpeg"), .done("inline no-mime"), .done("inline b64-lines"),
            .done("inline b64-urlsafe"), .done("inline b64-unpadded bytes=5000"),
            .done("inline b64-bare b64-lines b64-urlsafe b64-unpadded bytes=5001"),
            .done("empty-other"), .done("empty-other", base64), .done("jpeg"),
            .done("both jpeg"),
        ]
        + formats.flatMap { format in
            // PNG by its name and header, but another format by its bytes.
            ["", "inline "].map { form in
                .done("\(form)format=\(format)") { $0.mediaType = "image/\(format)" }
            }
        }

    static let answers: [OutcomeRow] =
        [
            .done("created-string"), .done("no-created"), .done("empty-usage"), .done("no-usage"),
            .done("no-created no-usage"),
            .done("fewer=1", images: 1, warning: "1 of 2 pictures came"),
            .done("item-error", images: 1, warning: "1 of 2 pictures came"),
            .done("inline item-error", images: 1, warning: "1 of 2 pictures came"),
            .done("item-error=rate_limit_exceeded", images: 1, warning: "1 of 2 pictures came"),
        ] + clothed

    /// Other encodings of a good answer.
    private static let clothed: [OutcomeRow] =
        [
            "gzip", "x-gzip", "GZIP", "deflate", "raw-deflate", "gzip+gzip", "deflate+gzip", "gzip+utf-8", "utf-8",
            "base64",
            "none", "binary", "aws-chunked", "identity", "8bit", "iso-8859-1", "application/json", "br", "zstd",
        ].flatMap { [.done("coding=\($0)"), .done("inline coding=\($0)")] }
        + ["gzip", "deflate", "br"].map { .done("said-coding=\($0)") }
        + ["data-object", "image", "output", "result"].flatMap { shape in
            ["", "inline "].map { .done("\($0)shape=\(shape)", ["--n", "1"], images: 1) }
        }
        + ["images", "strings", "outputs", "nested", "artifacts", "image-url", "chat", "parts", "list"].flatMap {
            shape in
            ["", "inline "].map { .done("\($0)shape=\(shape)") }
        }
        + ["spaces", "bom", "trailing", "lines", "notice"].flatMap {
            [.done("wrapping=\($0)"), .done("inline wrapping=\($0)")]
        }
        + ["previews", "whole", "split"].flatMap { [.done("events=\($0)"), .done("inline events=\($0)")] }
        + [
            .done("relative-link"), .done("relative-link=scheme"), .done("relative-link shape=strings"),
            .done("raw", ["--n", "1"], images: 1), .done("should-retry=false"),
        ]

    private static let brokeOff = "the answer was cut off: "

    /// Answers that end too early: pictures that arrived completely are kept.
    static let cut: [OutcomeRow] =
        [
            .done("inline cut-in=3", four, images: 2, warning: "2 of 4 pictures came; \(brokeOff)"),
            .done("cut-in=3", four, images: 2, warning: "2 of 4 pictures came; \(brokeOff)"),
            // The link of the second picture had arrived.
            .done("both cut-in=2", warning: "All 2 pictures came; \(brokeOff)"),
            .done("inline events=previews cut-in=2", images: 1, warning: "1 of 2 pictures came; \(brokeOff)"),
            .failed("inline cut-in=1", .outcomeUnknown, [.unknown]), .failed("cut-in=1", .outcomeUnknown, [.unknown]),
            .done(
                "inline size=64x64 stall-after=2", four, images: 2,
                warning: "2 of 4 pictures came; \(brokeOff)no complete answer arrived"
            ) {
                $0.place = .hurried
            },
            .done("stall-after=1", images: 1, warning: "1 of 2 pictures came; \(brokeOff)no complete answer arrived") {
                $0.place = .hurried
            },
            .failed("stall-after=0", .outcomeUnknown, [.unknown]) { $0.place = .hurried },
            // Complete JSON is an answer, whatever its framing.
            .done("no-last-chunk"), .done("inline no-last-chunk"),
            .done("no-last-bytes", warning: "All 2 pictures came; \(brokeOff)it ends in the middle"),
            .done("inline no-last-bytes", warning: "All 2 pictures came; \(brokeOff)it ends in the middle"),
            .done(
                "inline size=64x64 broken-coding", four, images: 2,
                warning: "2 of 4 pictures came; \(brokeOff)its gzip coding"
            ) {
                $0.isAtLeast = true
            },
            // Damaged but paid for: never resent, whatever error is next to it.
            .done("inline wrong-letter", images: 1, warning: "1 of 2 pictures came"),
            .failed("inline wrong-letter item-error=rate_limit_exceeded", .noImage, [.answered]),
            .failed("inline wrong-letter item-error=insufficient_quota", .noImage, [.answered]),
            .failed("inline wrong-letter", .noImage, [.answered], ["--n", "1"]),
        ]

    private static let four = ["--n", "4"]

    static let links: [OutcomeRow] =
        [
            .done("flaky-link=1"), .done("cut-link=1"), .done("cut-link=2 bytes=300000"),
            .done("cut-link=1 no-ranges"), .done("odd-link"), .done("odd-link expires-as=amz"),
            .failed("dead-link=410 expires=6", .linkLost, [.answered], says: "HTTP 410"), .done("slow-link=0.1"),
            .done("redirect-link"),
            .done("redirect-link=2"), .done("expires=3600"), .done("expires=3600 expires-as=amz"),
            .done("expires-as=none"),
            .failed("bad-scheme-link", .linkLost, [.answered]),
            .failed("dead-link expires=6", .linkLost, [.answered]),
            .failed("strict", .rejected, [.rejected], says: "Unknown parameter"),
            .failed("dead-link expires=6 expires-as=expires", .linkLost, [.answered]),
            .failed("dead-link expires=6 expires-as=amz", .linkLost, [.answered]),
            .failed("dead-link expires=6 expires-as=goog", .linkLost, [.answered]),
            .failed("redirect-link=3 expires=6", .linkLost, [.answered]),
            .failed("forbidden-link expires=6", .linkLost, [.answered]),
            .failed("not-a-picture=nothing expires=6", .linkLost, [.answered], says: "empty"),
            // Complete, but not a picture: it is kept once it has come a second time.
            .failed("not-a-picture", .noImage, [.answered], says: "HTML"),
            .failed("truncated-picture", .noImage, [.answered], says: "ends early"),
        ]
        + ["json", "svg"].map { .failed("not-a-picture=\($0)", .noImage, [.answered], says: $0.uppercased()) }
        + formats.map { .failed("format=\($0) truncated-picture", .noImage, [.answered], says: "ends early") }

    /// Bodies that are really packed, and those that are only declared so.
    static let codings: [OutcomeRow] =
        ["gzip", "deflate", "bare-deflate", "framed", "unsaid-gzip"].map { .done("link-coding=\($0) bytes=200000") }
    static let codingsSaid: [OutcomeRow] = ["utf-8", "base64", "none", "binary", "aws-chunked", "br", "x-gzip"].map {
        .done("link-coding=\($0)")
    }

    /// Pictures of formats that fluxq does not read.
    static let foreign: [OutcomeRow] = ["heic", "tiff"].map {
        .failed("not-a-picture=\($0)", .noImage, [.answered], says: $0.uppercased())
    }

    /// Pictures with a flaw that affects no pixel, linked and inline.
    static let flawed: [OutcomeRow] = (["png"] + formats).flatMap { format -> [OutcomeRow] in
        let of = format == "png" ? "" : " format=\(format)"
        return ["", "inline "].map { form in
            .done("\(form)flawed-picture\(of)", warns: "Picture 1 ") { $0.mediaType = "image/\(format)" }
        }
    }

    /// 2xx with no usable picture.
    static let noImage: [OutcomeRow] =
        [
            .failed("empty", .noImage, [.noImage]), .failed("null-data", .noImage, [.noImage]),
            .failed("no-data", .noImage, [.noImage]), .failed("no-data no-created no-usage", .noImage, [.noImage]),
            .failed("fewer=0", .noImage, [.noImage]), .failed("bare=200", .noImage, [.noImage]),
            .failed("bare=204", .noImage, [.noImage]),
            .failed("envelope=200", .noImage, [.noImage]),
            .failed("inline not-a-picture", .noImage, [.answered]),
            .failed("inline not-a-picture=json", .noImage, [.answered]),
            .failed("inline not-a-picture=svg", .noImage, [.answered]),
            .failed("inline not-a-picture=nothing", .noImage, [.noImage]),
            .failed("inline truncated-picture", .noImage, [.answered]),
        ] + formats.map { .failed("inline format=\($0) truncated-picture", .noImage, [.answered]) }

    static let refused: [OutcomeRow] =
        [400, 413, 418, 422].flatMap { status in
            [
                .failed("status=\(status)", .rejected, [.rejected]),
                .failed("gateway=\(status)", .rejected, [.rejected], says: "HTTP \(status)"),
            ]
        }
        // With its own error object it is the API's answer to the request.
        + [404, 405, 410].map { .failed("status=\($0)", .rejected, [.rejected]) }
        + [
            .failed("status=409 should-retry=false", .rejected, [.rejected]),
            .failed("events=error", .moderated, [.moderated]),
        ]
        + ["flagged", "nsfw", "concepts", "finish-reason", "status", "block-reason"].map {
            .failed("moderated-flag=\($0)", .moderated, [.moderated])
        }
        + ["param_error", "invalid_messages", "model_error", "tokens_too_long"].map {
            .failed("rejected=\($0)", .rejected, [.rejected])
        }
        + [
            "sensitive_check_error", "moderation_blocked", "content_policy_violation", "request_moderated",
            "content_moderated",
        ].flatMap { code in
            [
                .failed("moderated=\(code)", .moderated, [.moderated], says: "Request Moderated"),
                .failed("error-in-200=\(code)", .moderated, [.moderated]),
            ]
        }
        + [
            .failed("rejected", .rejected, [.rejected]),
            .failed("rejected number-codes", .rejected, [.rejected]),
            .failed("rejected trace-id", .rejected, [.rejected], says: "[trace_id: "),
            .failed("moderated", .moderated, [.moderated]),
            .failed("moderated trace-id", .moderated, [.moderated], says: "[trace_id: "),
            .failed("error-in-200", .rejected, [.rejected]),
            .failed("error-in-200 number-codes", .rejected, [.rejected]),
            .failed("error-in-200 trace-id", .rejected, [.rejected], says: "[trace_id: "),
            .failed("error-in-200=something_new", .rejected, [.rejected]),
            .failed("error-string=400", .rejected, [.rejected]), .failed("error-string=200", .rejected, [.rejected]),
            .failed("envelope=400", .rejected, [.rejected]),
            .failed("envelope=413 string-codes", .rejected, [.rejected]),
            .failed("envelope=302", .rejected, [.rejected]),
            // The only item is an error.
            .failed("item-error", .moderated, [.moderated], ["--n", "1"]),
            .failed("rejected", .canceled, [], ["--at", "2100-01-01T00:00:00Z"]) { $0.isCanceled = true },
        ]

    /// Presumed not billed: resent, and counted as an attempt.
    static let repeated: [OutcomeRow] =
        [
            "server-error", "status=503", "gateway=500", "gateway=503", "envelope=500", "error-in-200=500",
            "error-in-200=internal_error",
            "error-string=500",
        ].map { .failed($0, .exhausted, [.serverError, .serverError]) } + [
            .done("server-error times=1", after: [.serverError]), .done("status=503 times=1", after: [.serverError]),
            .done("gateway=500 times=1", after: [.serverError]),
        ]

    static let unknown: [OutcomeRow] =
        ([408, 502, 504] + Array(520...524)).flatMap { status in
            ["status=\(status)", "gateway=\(status)"].map { .failed($0, .outcomeUnknown, [.unknown]) }
        }
        + [
            .failed("gateway", .outcomeUnknown, [.unknown]),
            .failed("envelope=504", .outcomeUnknown, [.unknown]),
            .failed("envelope=408 string-codes", .outcomeUnknown, [.unknown]),
            .failed("error-in-200=504", .outcomeUnknown, [.unknown]),
            .failed("error-string=502", .outcomeUnknown, [.unknown]),
            .done("truncated", images: 1, warning: "1 of 2 pictures came; \(brokeOff)") { $0.isAtLeast = true },
            .done("inline truncated", images: 1, warning: "1 of 2 pictures came; \(brokeOff)") { $0.isAtLeast = true },
            .failed("truncated", .outcomeUnknown, [.unknown], ["--n", "1"]),
            .failed("task", .outcomeUnknown, [.unknown], says: "queued"),
            .failed("task=200", .outcomeUnknown, [.unknown], says: "queued"),
            .failed("html", .outcomeUnknown, [.webPage], says: "web page") { $0.place = .inTurn },
            .failed("reset", .outcomeUnknown, [.unknown]),
            .failed("stall", .outcomeUnknown, [.unknown]) { $0.place = .hurried },
            .failed("reset", .outcomeUnknown, [.unknown, .unknown], ["--on-unknown", "retry"]),
            .done("reset times=1", after: [.unknown], ["--on-unknown", "retry"]),
            .done("gateway=524 times=1", after: [.unknown], ["--on-unknown", "retry"]),
        ]

    /// The key, the account or the connection to the API fails: the queue is held, then continues automatically.
    static let account: [OutcomeRow] =
        [
            "status=429 should-retry=false", "bad-key", "bad-key number-codes", "bad-key trace-id", "no-money",
            "forbidden", "quota",
            "rejected=insufficient_quota", "gateway=403", "error-string", "envelope=401", "envelope=401 string-codes",
            "error-in-200=403", "error-in-200=insufficient_quota",
        ].map { .passing($0, .accountClosed) } + [
            // More than the buffers of both sides hold: the connection dies before the last byte is sent.
            .done("hangup times=1", after: [.notSent]) {
                $0.place = .inTurn
                $0.input = SamplePictures.jpeg.bytes + [UInt8](repeating: 0, count: 15 << 20)
            }
        ]

    /// The server that answers is not the API: the lane is held from the first answer on.
    static let address: [OutcomeRow] =
        [301, 302, 303, 304, 307, 308].map { .passing("redirect=\($0)", .wrongAddress) }
        + ["redirect", "gateway=404", "gateway=405", "gateway=410", "bare=404", "gateway=511", "bare=421"].map {
            .passing($0, .wrongAddress)
        }

    /// All jobs wait, for the requested time if it makes sense.
    static let rateLimits: [OutcomeRow] = [
        .passing("rate-limit", .rateLimited), .passing("rate-limit=2", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=1.5", .rateLimited, atLeast: .milliseconds(1500)),
        .passing("rate-limit=date:3", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=rfc850:3", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=asctime:3", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=ms:1200", .rateLimited, atLeast: .milliseconds(1200)),
        // If the time makes no sense, fluxq chooses one.
        .passing("rate-limit=0", .rateLimited), .passing("rate-limit=-1", .rateLimited),
        .passing("rate-limit=date:-60", .rateLimited), .passing("rate-limit=rfc850:-60", .rateLimited),
        .passing("rate-limit=100000000", .rateLimited), .passing("rate-limit=date:100000000", .rateLimited),
        .passing("rate-limit=text:soon", .rateLimited), .passing("rate-limit=ms:never", .rateLimited),
        .passing("rate-limit=1 number-codes trace-id", .rateLimited, atLeast: .seconds(1)),
        .passing("busy", .rateLimited, atLeast: .seconds(1)),
        .passing("busy=date:3", .rateLimited, atLeast: .seconds(2)), .passing("busy=text:soon", .rateLimited),
        .passing("gateway=429", .rateLimited), .passing("envelope=429", .rateLimited),
        .passing("error-in-200=429 number-codes", .rateLimited),
        .passing("error-in-200=rate_limit", .rateLimited),
        .passing("status=409", .rateLimited), .passing("gateway=423", .rateLimited), .passing("bare=425", .rateLimited),
        .passing("rejected should-retry=true", .rateLimited),
        .passing("rate-limit=reset:1.5s", .rateLimited, atLeast: .milliseconds(1500)),
    ]
}
