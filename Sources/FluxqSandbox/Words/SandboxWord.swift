/// A word in a prompt that makes the sandbox simulate something: `sandbox:word` or `sandbox:word=value`.
///
/// The tables below define each word completely: its name, its value, what it simulates and how.
package struct SandboxWord: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case outcome = "How the call ends"
        case answer = "What a good answer looks like"
        case link = "What becomes of links"
        case picture = "What the pictures are"
        case rule = "When"
    }

    package let name: String
    /// The form of the value: empty for none, `K`, or `[SECONDS]` if it is optional.
    package let value: String
    package let description: String
    package internal(set) var kind: Kind
    let play: @Sendable (inout Script, WordValue) throws(WordError) -> Void

    /// The form of the word in a prompt.
    package var syntax: String {
        if value.isEmpty {
            "sandbox:\(name)"
        } else if value.hasPrefix("[") {
            "sandbox:\(name)[=\(value.dropFirst().dropLast())]"
        } else {
            "sandbox:\(name)=\(value)"
        }
    }

    private init(
        _ name: String, takes value: String = "", _ description: String,
        play: @escaping @Sendable (inout Script, WordValue) throws(WordError) -> Void
    ) {
        self.name = name
        self.value = value
        self.description = description
        self.kind = .outcome
        self.play = play
    }

    /// Every word, in reading order.
    package static let allCases: [SandboxWord] = [
        (Kind.outcome, outcomes), (.answer, answers), (.link, links), (.picture, pictures), (.rule, rules),
    ].flatMap { kind, words in
        words.map { word in
            var word = word
            word.kind = kind
            return word
        }
    }

    /// The table as Markdown, for docs/sandbox.md.
    package static var markdownTable: String {
        Kind.allCases.map { kind in
            "| \(kind.rawValue) | |\n|---|---|\n"
                + allCases.filter { $0.kind == kind }.map { "| `\($0.syntax)` | \($0.description) |\n" }.joined()
        }.joined(separator: "\n")
    }
}

extension SandboxWord {
    private static let outcomes: [SandboxWord] = [
        .init("status", takes: "CODE", "answers with that status, 200 to 599; `sandbox:429` is short for it") {
            script, value throws(WordError) in
            let status = try value.number(in: 200...599)
            script.outcome = status < 300 ? .answer(status: status) : .refuse(.usual(for: status), retryAfter: nil)
        },
        .init("rejected", takes: "[CODE]", "400 `param_error`, or another code") { script, value in
            script.outcome = .refuse(
                .param("the request cannot be served", code: value.text ?? "param_error"), retryAfter: nil)
        },
        .init(
            "moderated", takes: "[CODE]",
            "400 `sensitive_check_error`, or another code such as `content_policy_violation`"
        ) {
            script, value in
            script.outcome = .refuse(
                .param("Request Moderated", code: value.text ?? "sensitive_check_error"), retryAfter: nil)
        },
        .init("bad-key", "401 `auth_error`") { script, _ in
            script.outcome = .refuse(.usual(for: 401), retryAfter: nil)
        },
        .init("no-money", "402: the balance is used up") { script, _ in
            script.outcome = .refuse(.usual(for: 402), retryAfter: nil)
        },
        .init("forbidden", "403 `forbidden`: the spend cap is reached") { script, _ in
            script.outcome = .refuse(.usual(for: 403), retryAfter: nil)
        },
        .init("quota", "429 `insufficient_quota`, which does not pass") { script, _ in
            script.outcome = .refuse(
                .init(
                    status: 429, type: "insufficient_quota", code: "insufficient_quota",
                    message: "the quota is used up; look at the plan and its billing"), retryAfter: nil)
        },
        .init(
            "rate-limit", takes: "[SECONDS]",
            "429, with Retry-After as it is written; `date:5`, `rfc850:5` and `asctime:5` give an HTTP date in one of its three forms, `ms:500` a Retry-After-Ms, `reset:1m30s` an X-RateLimit-Reset-Requests instead, `text:soon` any text"
        ) {
            script, value throws(WordError) in
            script.outcome = .refuse(.usual(for: 429), retryAfter: try value.retryAfter())
        },
        .init("busy", takes: "[SECONDS]", "503 with Retry-After in the same forms, 1 if nothing else is written") {
            script, value throws(WordError) in
            script.outcome = .refuse(.usual(for: 503), retryAfter: try value.retryAfter() ?? .verbatim("1"))
        },
        .init("server-error", "500 `internal_error`") { script, _ in
            script.outcome = .refuse(.usual(for: 500), retryAfter: nil)
        },
        .init("gateway", takes: "[CODE]", "504, or another status, with a gateway's HTML page") {
            script, value throws(WordError) in
            script.outcome = .page(status: try value.number(in: 300...599, absent: 504))
        },
        .init("redirect", takes: "[CODE]", "302, or another redirect, to a page that does not exist") {
            script, value throws(WordError) in
            script.outcome = .redirect(status: try value.number(in: 300...399, absent: 302))
        },
        .init("html", "200 with an HTML page") { script, _ in script.outcome = .page(status: 200) },
        .init("envelope", takes: "CODE", "200 with `{\"code\": CODE, \"message\": …}`") {
            script, value throws(WordError) in
            script.outcome = .envelope(code: try value.number(in: 200...599))
        },
        .init("error-string", takes: "[CODE]", "401, or another status, with `{\"error\": \"a bare string\"}`") {
            script, value throws(WordError) in
            script.outcome = .bareError(status: try value.number(in: 200...599, absent: 401))
        },
        .init(
            "error-in-200", takes: "[CODE]", "200 with the error object of a 400, or of another status or code"
        ) {
            script, value throws(WordError) in
            if let code = value.text, Int(code) == nil {
                script.outcome = .errorObject(.param("the request cannot be served", code: code))
            } else {
                script.outcome = .errorObject(.usual(for: try value.number(in: 300...599, absent: 400)))
            }
        },
        .init(
            "strict",
            "400 `unknown_parameter` for `seed`, `response_format` and every other field that OpenAI's gpt-image-1 does not know"
        ) { script, _ in script.isStrict = true },
        .init("number-codes", "an error's `code` is the status as a number") { script, _ in
            script.errorStyle.numberCodes = true
        },
        .init("string-codes", "the `code` of `sandbox:envelope` is a string") { script, _ in
            script.errorStyle.stringCodes = true
        },
        .init("trace-id", "an error's message begins with `[trace_id: …]`") { script, _ in
            script.errorStyle.traceID = true
        },
        .init("truncated", "the answer breaks off in the middle") { script, _ in script.outcome = .truncated },
        .init("reset", "the connection is reset once the request has been read") { script, _ in
            script.outcome = .reset
        },
        .init(
            "cut-in", takes: "K",
            "the connection ends in the middle of the Kth picture or link; those before it have come"
        ) { script, value throws(WordError) in script.outcome = .cut(.inItem(try value.number(in: 1...4))) },
        .init("stall-after", takes: "K", "after K pictures or links nothing more comes") {
            script, value throws(WordError) in
            script.outcome = .cut(.stallAfter(try value.number(in: 0...4)))
        },
        .init("no-last-chunk", "all of the answer comes, but not the empty chunk that ends it") { script, _ in
            script.outcome = .cut(.lastChunk)
        },
        .init("no-last-bytes", "the answer ends cleanly, two bytes before its JSON does") { script, _ in
            script.outcome = .cut(.lastBytes)
        },
        .init("raw", "200 whose body is the first picture, without any JSON") { script, _ in
            script.outcome = .picture
        },
        .init("task", takes: "[CODE]", "202, or another 2xx, with a task that is `queued` in place of pictures") {
            script, value throws(WordError) in
            script.outcome = .task(status: try value.number(in: 200...299, absent: 202))
        },
        .init(
            "moderated-flag", takes: "[FORM]",
            "200 without pictures, where only a flag says that they were moderated: `flagged`, `nsfw`, `concepts`, `finish-reason`, `status`, `block-reason`"
        ) { script, value throws(WordError) in script.outcome = .flag(try value.choice(absent: .flagged)) },
        .init("bare", takes: "CODE", "that status without a body") { script, value throws(WordError) in
            script.outcome = .bare(status: try value.number(in: 200...599))
        },
        .init("should-retry", takes: "BOOL", "an error with `x-should-retry: true` or `false`") {
            script, value throws(WordError) in
            script.shouldRetry = try value.truth()
        },
        .init("stall", "no answer, ever") { script, _ in script.outcome = .stall },
        .init(
            "hangup", "the connection is reset before the picture is read, where the prompt stands before a large one"
        ) {
            script, _ in
            script.outcome = .hangup
        },
    ]

    private static let answers: [SandboxWord] = [
        .init("empty", "`data` is an empty list") { script, _ in script.dataField = .empty },
        .init("null-data", "`data` is null") { script, _ in script.dataField = .null },
        .init("no-data", "`data` is missing") { script, _ in script.dataField = .missing },
        .init("fewer", takes: "K", "at most K pictures, however many were asked for") {
            script, value throws(WordError) in
            script.fewer = try value.number(in: 0...4)
        },
        .init(
            "item-error", takes: "[CODE]",
            "the last picture is an error object instead, with `sensitive_check_error` or another code"
        ) { script, value in script.itemError = value.text ?? "sensitive_check_error" },
        .init(
            "shape", takes: "SHAPE",
            "the pictures stand elsewhere than in `data`: `data-object`, `images`, `strings`, `image`, `output`, `outputs`, `nested`, `result`, `artifacts`, `image-url`, `chat`, `parts`, `list`"
        ) { script, value throws(WordError) in script.shape = try value.choice() },
        .init(
            "events", takes: "[FORM]",
            "server-sent events: with `previews` before each picture, the `whole` answer in one, `split` over lines, or an `error`"
        ) { script, value throws(WordError) in script.events = try value.choice(absent: .previews) },
        .init(
            "wrapping", takes: "FORM",
            "something around the JSON: `spaces` or a `bom` or a `notice` before it, `trailing` text, or `lines` with a JSON text for each picture"
        ) { script, value throws(WordError) in script.wrapping = try value.choice() },
        .init(
            "coding", takes: "NAME",
            "the answer comes with that Content-Encoding: `gzip`, `x-gzip`, `deflate` and `raw-deflate` are applied, any other, such as `br` or `utf-8`, is only said; `gzip+utf-8` says both"
        ) { script, value throws(WordError) in script.coding = try value.coding() },
        .init("said-coding", takes: "NAME", "the answer only says that it has that Content-Encoding") {
            script, value throws(WordError) in
            script.coding = Script.Coding(said: try value.coding().said)
        },
        .init("broken-coding", "the answer is compressed with gzip, with damage after three quarters of it") {
            script, _ in
            script.coding = Script.Coding(said: "gzip", applied: [.gzip], isBroken: true)
        },
        .init("wrong-letter", "the first picture's base64 has a letter that belongs to no alphabet") { script, _ in
            script.wrongLetter = true
        },
        .init("inline", "pictures as base64, whatever was asked for") { script, _ in script.form = .inline },
        .init("link", "pictures as links, whatever was asked for") { script, _ in script.form = .link },
        .init("both", "each picture as link and as base64") { script, _ in script.form = .both },
        .init("empty-other", "the field that was not asked for is there as an empty string") { script, _ in
            script.emptyOther = true
        },
        .init("created-string", "`created` is a string") { script, _ in script.created = .string },
        .init("no-created", "`created` is missing") { script, _ in script.created = .missing },
        .init("empty-usage", "`usage` is an empty object") { script, _ in script.usage = .empty },
        .init("no-usage", "`usage` is missing") { script, _ in script.usage = .missing },
        .init("jpeg", "pictures are said to be `image/JPEG`, though they are PNG") { script, _ in
            script.prefix = .upperCaseJPEG
            script.linkTraits.jpeg = true
        },
        .init("no-mime", "base64 after `data:;base64,`, without a type") { script, _ in script.prefix = .noType },
        .init("b64-bare", "base64 without a `data:` prefix") { script, _ in script.prefix = .none },
        .init("b64-lines", "base64 in lines of 76 characters") { script, _ in script.base64.lines = true },
        .init("b64-urlsafe", "base64 in the URL-safe alphabet") { script, _ in script.base64.urlSafe = true },
        .init("b64-unpadded", "base64 without padding") { script, _ in script.base64.padded = false },
    ]

    private static let links: [SandboxWord] = [
        .init("dead-link", takes: "[CODE]", "links answer 404, or another status") {
            script, value throws(WordError) in
            script.linkTraits.dead = try value.number(in: 400...599, absent: 404)
        },
        .init("flaky-link", takes: "K", "the first K downloads of each link fail with 503") {
            script, value throws(WordError) in
            script.linkTraits.flaky = try value.number(in: 1...1000)
        },
        .init("cut-link", takes: "K", "the first K downloads of each link break off in the middle") {
            script, value throws(WordError) in
            script.linkTraits.cut = try value.number(in: 1...1000)
        },
        .init("slow-link", takes: "SECONDS", "links wait that long before they answer") {
            script, value throws(WordError) in
            script.linkTraits.slowSeconds = try value.seconds(in: 0...3600)
        },
        .init("redirect-link", takes: "[K]", "links redirect once, or K times, before they answer") {
            script, value throws(WordError) in
            script.linkTraits.hops = try value.number(in: 1...20, absent: 1)
        },
        .init("expires", takes: "SECONDS", "links end so many seconds after the answer") {
            script, value throws(WordError) in
            script.linkSeconds = try value.number(in: -1_000_000_000...1_000_000_000)
        },
        .init(
            "expires-as", takes: "FORM",
            "links say when they end by `Expires=`, by lower-case `expires=`, by a signing date with `amz` or `goog` before its names, or not at all: `Expires`, `expires`, `amz`, `goog`, `none`"
        ) { script, value throws(WordError) in script.linkTraits.expiry = try value.choice() },
        .init("expired-link", "links have ended a minute before the answer") { script, _ in
            script.linkSeconds = -60
        },
        .init(
            "link-coding", takes: "CODING",
            "links say `Content-Encoding: CODING`. `gzip` and `deflate` are packed so, `bare-deflate` lacks its wrapping, `framed` is `aws-chunked` with the frames in the body, `unsaid-gzip` does not say so; any other, such as `utf-8`, is only said"
        ) { script, value throws(WordError) in script.linkTraits.coding = try value.token() },
        .init("no-ranges", "links have no ETag and give no part of themselves") { script, _ in
            script.linkTraits.whole = true
        },
        .init("odd-link", "links hold a space, `é`, `{` and other characters that a link may not have") { script, _ in
            script.linkTraits.odd = true
        },
        .init("forbidden-link", "links lead to a private address, https://10.0.0.1") { script, _ in
            script.host = .privateAddress
        },
        .init("relative-link", takes: "[FORM]", "links without their host, `path`, or without their scheme, `scheme`") {
            script, value throws(WordError) in
            script.relativeLink = try value.choice(absent: .path)
        },
        .init("bad-scheme-link", "links begin with ftp://") { script, _ in script.host = .otherScheme },
    ]

    private static let pictures: [SandboxWord] = [
        .init(
            "not-a-picture", takes: "[KIND]",
            "links lead to an HTML page, base64 holds a text; or both hold `json`, `svg`, `nothing`, `heic` or `tiff`"
        ) { script, value throws(WordError) in
            script.content = .other(try value.choice(absent: .page))
        },
        .init("truncated-picture", "pictures end in the middle, though they arrive whole") { script, _ in
            script.content = .truncated
        },
        .init(
            "flawed-picture",
            "pictures have a flaw that costs no pixel: no end mark (PNG, JPEG, GIF), a wrong length (WebP), bytes behind the end (AVIF)"
        ) { script, _ in script.content = .flawed },
        .init(
            "format", takes: "FORMAT",
            "pictures are one small `jpeg`, `webp`, `gif` or `avif`, under `.png` and `image/png` all the same"
        ) { script, value throws(WordError) in script.format = try value.choice() },
        .init("size", takes: "WxH", "pictures of that many pixels, each side at most 4096") {
            script, value throws(WordError) in
            script.size = try value.size(sides: 1...4096)
        },
        .init("bytes", takes: "N", "picture files of N bytes, at most 256 MiB") { script, value throws(WordError) in
            script.bytes = try value.number(in: 1...256 << 20)
        },
    ]

    private static let rules: [SandboxWord] = [
        .init("slow", takes: "SECONDS", "waits that long before it answers") { script, value throws(WordError) in
            script.slowSeconds = try value.seconds(in: 0...3600)
        },
        .init(
            "until", takes: "NAME",
            "waits before it answers until there is a file of that name in the sandbox's directory"
        ) { script, value throws(WordError) in script.untilFile = try value.fileName() },
        .init(
            "times", takes: "K",
            "the words of the first three tables and `not-a-picture`, `truncated-picture` and `flawed-picture` hold for the first K calls of the same request only"
        ) { script, value throws(WordError) in
            script.times = try value.number(in: 0...1_000_000)
        },
    ]

    /// True if `sandbox:times` limits it.
    var passes: Bool {
        switch kind {
        case .outcome, .answer, .link: true
        case .picture: ["not-a-picture", "truncated-picture", "flawed-picture"].contains(name)
        case .rule: false
        }
    }
}
