import FluxqModel
import FluxqTestSupport

/// One row of the outcome table as a user sees it: what the API plays, and what becomes of the job and of the bill.
struct OutcomeRow: Sendable, CustomStringConvertible {
    /// Which daemon plays it.
    enum Place: Sendable {
        /// Beside all others: it concerns nobody else.
        case beside
        /// One after the other: it holds or slows the whole queue.
        case inTurn
        /// By itself, with an API that gets two seconds.
        case hurried
    }

    /// Words of the sandbox, without their `sandbox:`.
    let play: String
    var options: [String] = []
    var place = Place.beside
    var input = SamplePictures.png.bytes
    /// What a person does instead of waiting for the job's end.
    var isCanceled = false

    let state: JobState
    var reason: FailureReason?
    var warning: String?
    /// What its message holds.
    var says: String?
    /// Its calls, as fluxq's ledger has them.
    let calls: [CallOutcome.Kind]
    /// Calls that count as attempts.
    let attempts: Int
    /// Calls that the sandbox would have billed.
    let billed: Int
    let images: Int
    var mediaType = "image/png"
    /// The second call comes no sooner after the first.
    var pause = Duration.zero

    var description: String { ([play.isEmpty ? "plain" : play] + options).joined(separator: " ") }

    /// The names of the words, without their values.
    var words: [String] { play.split(separator: " ").map { String($0.prefix { $0 != "=" }) } }

    func prompt(_ number: Int) -> String {
        (["row \(number)"] + play.split(separator: " ").map { "sandbox:\($0)" }).joined(separator: " ")
    }

    /// - Parameter before: calls before the one that is answered; those of the queue's trouble count as no attempt.
    static func done(
        _ play: String, after before: [CallOutcome.Kind] = [], _ options: [String] = [], images: Int = 2,
        warning: String? = nil, _ change: (inout OutcomeRow) -> Void = { _ in }
    ) -> OutcomeRow {
        let calls = before + [.answered]
        var row = OutcomeRow(
            play: play, options: options, state: .done, warning: warning, calls: calls,
            attempts: calls.count { !$0.isTaken }, billed: calls.count { $0.billing != .notBilled }, images: images)
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

    /// The queue's trouble, once; then it is done.
    static func passing(_ play: String, _ call: CallOutcome.Kind, atLeast pause: Duration = .zero) -> OutcomeRow {
        .done("\(play) times=1", after: [call]) {
            $0.place = .inTurn
            $0.pause = pause
        }
    }
}

extension CallOutcome.Kind {
    /// Whether the call is taken back and counts as no attempt.
    fileprivate var isTaken: Bool { [.notSent, .accountClosed, .rateLimited].contains(self) }
}

extension OutcomeRow {
    static let all =
        pictures + answers + links + noImage + refused + repeated + unknown + account + rateLimits

    private static let base64 = ["--response-format", "b64_json"]
    private static let formats = ["jpeg", "webp", "gif", "avif"]
    private static let others = ["json", "svg", "nothing"]

    /// 2xx with pictures, whatever they are called.
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
            // PNG by its name and by its header, and something else by its bytes.
            ["", "inline "].map { form in
                .done("\(form)format=\(format)") { $0.mediaType = "image/\(format)" }
            }
        }

    static let answers: [OutcomeRow] = [
        .done("created-string"), .done("no-created"), .done("empty-usage"), .done("no-usage"),
        .done("no-created no-usage"),
        .done("fewer=1", images: 1, warning: "1 of 2 pictures came"),
        .done("item-error", images: 1, warning: "1 of 2 pictures came"),
        .done("inline item-error", images: 1, warning: "1 of 2 pictures came"),
    ]

    static let links: [OutcomeRow] =
        [
            .done("flaky-link=1"), .done("cut-link=1"), .done("slow-link=0.1"), .done("redirect-link"),
            .done("redirect-link=2"), .done("expires=3600"), .done("expires=3600 expires-as=amz"),
            .done("expires-as=none"),
            .failed("bad-scheme-link", .linkLost, [.answered]),
            .failed("dead-link expires=6", .linkLost, [.answered]),
            .failed("dead-link expires=6 expires-as=expires", .linkLost, [.answered]),
            .failed("dead-link expires=6 expires-as=amz", .linkLost, [.answered]),
            .failed("dead-link expires=6 expires-as=goog", .linkLost, [.answered]),
            .failed("redirect-link=3 expires=6", .linkLost, [.answered]),
            .failed("forbidden-link expires=6", .linkLost, [.answered]),
            .failed("not-a-picture expires=6", .linkLost, [.answered]),
            .failed("truncated-picture expires=6", .linkLost, [.answered]),
        ]
        + others.map { .failed("not-a-picture=\($0) expires=6", .linkLost, [.answered]) }
        + formats.map { .failed("format=\($0) truncated-picture expires=6", .linkLost, [.answered]) }

    /// 2xx with no usable picture.
    static let noImage: [OutcomeRow] =
        [
            .failed("empty", .noImage, [.noImage]), .failed("null-data", .noImage, [.noImage]),
            .failed("no-data", .noImage, [.noImage]), .failed("no-data no-created no-usage", .noImage, [.noImage]),
            .failed("fewer=0", .noImage, [.noImage]), .failed("html", .noImage, [.noImage]),
            .failed("envelope=200", .noImage, [.noImage]),
            .failed("inline not-a-picture", .noImage, [.answered]),
            .failed("inline not-a-picture=json", .noImage, [.answered]),
            .failed("inline not-a-picture=svg", .noImage, [.answered]),
            .failed("inline not-a-picture=nothing", .noImage, [.noImage]),
            .failed("inline truncated-picture", .noImage, [.answered]),
        ] + formats.map { .failed("inline format=\($0) truncated-picture", .noImage, [.answered]) }

    static let refused: [OutcomeRow] =
        [400, 404, 405, 413, 418, 422].flatMap { status in
            [
                .failed("status=\(status)", .rejected, [.rejected]),
                .failed("gateway=\(status)", .rejected, [.rejected], says: "HTTP \(status)"),
            ]
        }
        + [301, 302, 303, 304, 307, 308].map {
            .failed("redirect=\($0)", .rejected, [.rejected], says: "api.base_url")
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
            .failed("rejected", .rejected, [.rejected]), .failed("redirect", .rejected, [.rejected]),
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

    /// Presumed not billed: sent again, and an attempt.
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
            .failed("truncated", .outcomeUnknown, [.unknown]),
            .failed("inline truncated", .outcomeUnknown, [.unknown]),
            .failed("reset", .outcomeUnknown, [.unknown]),
            .failed("stall", .outcomeUnknown, [.unknown]) { $0.place = .hurried },
            .failed("reset", .outcomeUnknown, [.unknown, .unknown], ["--on-unknown", "retry"]),
            .done("reset times=1", after: [.unknown], ["--on-unknown", "retry"]),
            .done("gateway=524 times=1", after: [.unknown], ["--on-unknown", "retry"]),
        ]

    /// The key, the account or the way to the API: the queue is held, then goes on by itself.
    static let account: [OutcomeRow] =
        [
            "bad-key", "bad-key number-codes", "bad-key trace-id", "no-money", "forbidden", "quota",
            "rejected=insufficient_quota", "gateway=403", "error-string", "envelope=401", "envelope=401 string-codes",
            "error-in-200=403", "error-in-200=insufficient_quota",
        ].map { .passing($0, .accountClosed) } + [
            // More than the buffers of both ends hold: the connection dies before the last byte.
            .done("hangup times=1", after: [.notSent]) {
                $0.place = .inTurn
                $0.input = SamplePictures.jpeg.bytes + [UInt8](repeating: 0, count: 15 << 20)
            }
        ]

    /// Everybody waits, as long as was asked where that makes sense.
    static let rateLimits: [OutcomeRow] = [
        .passing("rate-limit", .rateLimited), .passing("rate-limit=2", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=1.5", .rateLimited, atLeast: .milliseconds(1500)),
        .passing("rate-limit=date:3", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=rfc850:3", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=asctime:3", .rateLimited, atLeast: .seconds(2)),
        .passing("rate-limit=ms:1200", .rateLimited, atLeast: .milliseconds(1200)),
        // What makes no sense is fluxq's own to choose.
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
    ]
}
