import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqImagesAPI

@Suite("The outcome of an answer", .timeLimit(.minutes(30)))
struct OutcomeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var status: Int
        var headers: [String] = []
        var body: String
        var outcome: String

        init(_ status: Int, _ body: String, _ outcome: String, headers: [String] = []) {
            (self.status, self.body, self.outcome, self.headers) = (status, body, outcome, headers)
        }

        var testDescription: String { "\(status) \(headers.joined(separator: " ")) \(body.prefix(80)) → \(outcome)" }
    }

    private static func error(_ code: String, type: String = "", message: String = "m") -> String {
        #"{"error":{"code":"\#(code)","type":"\#(type)","message":"\#(message)","param":"req-9"}}"#
    }

    static let page = "<html><head><title>x</title></head><body><h1>Gateway</h1></body></html>"
    static let picture = #"{"data":[{"url":"https://h/p.png"}]}"#

    /// A picture's base64 with one wrong letter far from its beginning.
    static let broken = String(repeating: "iVBORw0KGgo", count: 20) + "*" + String(repeating: "A", count: 40)

    static let statuses: [Row] = [
        Row(300, "", "wrongAddress"), Row(301, page, "wrongAddress", headers: ["Location: https://new.example/v2"]),
        Row(302, picture, "wrongAddress"), Row(304, "", "wrongAddress"), Row(307, "", "wrongAddress"),
        Row(308, "", "wrongAddress"),
        // A 404 or a similar status may come from any web server; with an error object it is the API's own answer to
        // the request.
        Row(404, page, "wrongAddress"), Row(404, "", "wrongAddress"), Row(405, "", "wrongAddress"),
        Row(410, "gone", "wrongAddress"), Row(404, #"{"detail":"Not Found"}"#, "wrongAddress"),
        Row(404, #"{"message":"no Route matched with those values"}"#, "wrongAddress"),
        Row(404, #"{"status":404,"error":"Not Found","path":"/v1"}"#, "wrongAddress"),
        Row(404, #"{"error":{"message":"no","type":"x","code":"unknown_url"}}"#, "wrongAddress"),
        Row(404, error("model_not_found"), "rejected"), Row(404, #"{"error":{"message":"no such model"}}"#, "rejected"),
        Row(404, #"{"code":"model_not_found"}"#, "rejected"), Row(405, error("param_error"), "rejected"),
        Row(410, error("model_gone"), "rejected"), Row(404, error("insufficient_quota"), "accountClosed"),
        Row(407, page, "wrongAddress"), Row(421, "", "wrongAddress"), Row(511, page, "wrongAddress"),
        Row(511, error("auth_error"), "wrongAddress"),
        // These are temporary, unless the API's own code contradicts.
        Row(409, "", "rateLimited"), Row(423, page, "rateLimited"), Row(425, "", "rateLimited"),
        Row(409, error("conflict"), "rateLimited"), Row(409, error("", type: "invalid_request_error"), "rateLimited"),
        Row(409, error("param_error"), "rejected"), Row(409, error("insufficient_balance"), "accountClosed"),
        Row(423, error("content_filter"), "moderated"), Row(425, error("timeout"), "unknown"),
        Row(409, "", "rejected", headers: ["X-Should-Retry: false"]),
        Row(429, "", "accountClosed", headers: ["X-Should-Retry: false"]),
        Row(429, "", "rateLimited", headers: ["X-Should-Retry: true"]),
        Row(400, "", "rateLimited", headers: ["X-Should-Retry: true"]),
        Row(400, "", "rejected", headers: ["X-Should-Retry: false"]),
        Row(400, error("sensitive_check_error"), "moderated", headers: ["X-Should-Retry: true"]),
        Row(500, "", "unknown", headers: ["X-Should-Retry: false"]),
        Row(500, "", "serverError", headers: ["X-Should-Retry: true"]),
        Row(502, "", "unknown", headers: ["X-Should-Retry: true"]),
        Row(403, error("param_error"), "rejected"), Row(403, error("something"), "accountClosed"),
        Row(451, "", "accountClosed"),
        Row(400, "", "rejected"), Row(413, page, "rejected"),
        Row(422, #"{"detail":[{"loc":["body","n"],"msg":"too many"}]}"#, "rejected"), Row(418, "?", "rejected"),
        Row(401, "", "accountClosed"), Row(402, "", "accountClosed"), Row(403, page, "accountClosed"),
        Row(429, "", "rateLimited"), Row(429, page, "rateLimited"),
        Row(500, "", "serverError"), Row(500, page, "serverError"), Row(503, "", "serverError"),
        Row(503, page, "rateLimited", headers: ["Retry-After: 7"]),
        Row(503, "", "rateLimited", headers: ["Retry-After: never"]),
        Row(503, "", "rateLimited", headers: ["Retry-After-Ms: 7"]),
        Row(500, "", "serverError", headers: ["Retry-After: 7"]),
        Row(408, "", "unknown"), Row(502, page, "unknown"), Row(504, page, "unknown"),
        Row(502, "", "unknown", headers: ["Retry-After: 7"]),
        Row(520, "", "unknown"), Row(521, "", "unknown"), Row(522, "", "unknown"), Row(523, "", "unknown"),
        Row(524, page, "unknown"), Row(501, "", "unknown"), Row(505, "", "unknown"), Row(529, "", "unknown"),
        Row(599, "", "unknown"), Row(600, "", "unknown"), Row(999, "", "unknown"),
    ]

    static let vendor: [Row] = [
        Row(400, error("param_error", type: "invalid_request_error"), "rejected"),
        Row(400, error("invalid_messages"), "rejected"), Row(400, error("model_error"), "rejected"),
        Row(400, error("tokens_too_long"), "rejected"), Row(400, error("sensitive_check_error"), "moderated"),
        Row(401, error("auth_error", type: "invalid_request_error"), "accountClosed"),
        Row(403, error("forbidden", type: "permission_error"), "accountClosed"),
        // "403, unsure": the same by its code or its type alone.
        Row(400, error("forbidden"), "accountClosed"), Row(400, error("", type: "permission_error"), "accountClosed"),
        Row(408, error("timeout", type: "timeout"), "unknown"),
        Row(429, error("rate_limit", type: "rate_limit_error"), "rateLimited"),
        Row(500, error("internal_error"), "serverError"), Row(500, error("model_server_error"), "serverError"),
        Row(504, error("gateway_timeout_error", type: "timeout"), "unknown"),
    ]

    static let elsewhere: [Row] = [
        Row(429, error("insufficient_quota"), "accountClosed"),
        Row(429, error("rate_limit", type: "insufficient_quota"), "accountClosed"),
        Row(429, #"{"error":{"type":"insufficient_quota","code":null}}"#, "accountClosed"),
        Row(400, error("moderation_blocked"), "moderated"), Row(400, error("content_policy_violation"), "moderated"),
        Row(400, error("1", type: "Content Policy Violation"), "moderated"),
        Row(403, error("moderation_blocked"), "moderated"), Row(500, error("sensitive_check_error"), "moderated"),
        Row(400, error("billing_hard_limit_reached"), "accountClosed"), Row(400, error("rate_limit"), "rateLimited"),
        Row(503, error("rate_limit_exceeded"), "rateLimited"), Row(500, error("auth_error"), "accountClosed"),
        Row(422, #"{"status":"Request Moderated"}"#, "moderated"),
        Row(422, #"{"status":"Content Moderated","details":{}}"#, "moderated"),
        Row(400, #"{"status":"Error"}"#, "rejected"),
        // Whatever the status, the API's own timeout leaves the bill unknown.
        Row(400, error("timeout"), "unknown"), Row(500, error("gateway_timeout_error"), "unknown"),
        Row(200, error("gateway_timeout_error"), "unknown"),
        // A code never corrects a redirect, or a status after which the bill is unknown.
        Row(302, error("moderation_blocked"), "wrongAddress"), Row(502, error("auth_error"), "unknown"),
        Row(408, error("rate_limit"), "unknown"),
        // Words in a message decide nothing.
        Row(400, error("param_error", message: "Request Moderated insufficient_quota rate_limit"), "rejected"),
        Row(400, #"{"error":"Content Moderated"}"#, "rejected"),
        Row(400, #"{"message":"insufficient_quota"}"#, "rejected"),
    ]

    static let success: [Row] = [
        Row(200, picture, "answered"), Row(201, picture, "answered"), Row(202, picture, "answered"),
        Row(200, #"{"data":[{"b64_json":"AAEC"}]}"#, "answered"),
        // An error beside a picture does not mean that it is unpaid.
        Row(200, #"{"error":{"code":"auth_error"},"data":[{"url":"https://h/p"}]}"#, "answered"),
        Row(200, #"{"code":500,"message":"x","data":[{"url":"https://h/p"}]}"#, "answered"),
        Row(200, #"{"data":[{"error":{"code":"internal_error"}},{"url":"https://h/p"}]}"#, "answered"),
        Row(200, "", "noImage"), Row(204, "", "noImage"), Row(200, "null", "noImage"), Row(200, "{}", "noImage"),
        Row(200, page, "webPage"), Row(200, " \n<!DOCTYPE html><p>Log in", "webPage"),
        Row(200, "<?xml version='1.0'?><Error/>", "webPage"),
        Row(200, "Please log in", "webPage", headers: ["Content-Type: text/html; charset=utf-8"]),
        // JSON is an answer, whatever its declared type.
        Row(200, picture, "answered", headers: ["Content-Type: text/html"]), Row(200, "OK", "noImage"),
        Row(200, "[]", "noImage"),
        Row(200, #"{"data":[]}"#, "noImage"), Row(200, #"{"data":null}"#, "noImage"),
        Row(200, #"{"data":{}}"#, "noImage"), Row(200, #"{"data":[{}]}"#, "noImage"),
        Row(200, #"{"data":[{"b64_json":"","url":""}]}"#, "noImage"),
        Row(200, #"{"data":[{"b64_json":null,"url":null}]}"#, "noImage"),
        Row(200, #"{"data":[{"b64_json":"***"}]}"#, "noImage"),
        Row(200, #"{"code":0,"message":"success"}"#, "noImage"),
        Row(200, #"{"code":"200","data":[]}"#, "noImage"), Row(200, #"{"code":"Success","data":[]}"#, "noImage"),
        Row(200, #"{"error":null,"data":[]}"#, "noImage"), Row(200, #"{"error":"","data":[]}"#, "noImage"),
        Row(200, #"{"error":{},"data":[]}"#, "noImage"), Row(200, #"{"error":false}"#, "noImage"),
        // The picture would come later, from another address.
        Row(200, #"{"id":"job-1","status":"queued"}"#, "unknown"), Row(202, #"{"id":"x"}"#, "unknown"),
        Row(202, "", "unknown"), Row(200, #"{"output":{"task_id":"x","task_status":"PENDING"}}"#, "unknown"),
        Row(200, #"{"id":"x","polling_url":"https://h/x"}"#, "unknown"),
        Row(200, #"{"id":"x","status":"IN_PROGRESS","url":"https://h/tasks/x"}"#, "unknown"),
        Row(200, #"{"status":"succeeded","output":[]}"#, "noImage"),
        // The filter removed the picture, as a flag or a state shows.
        Row(200, #"{"flagged":true}"#, "moderated"), Row(200, #"{"flagged":false}"#, "noImage"),
        Row(200, #"{"data":[{"nsfw":true,"url":""}]}"#, "moderated"),
        Row(200, #"{"images":[],"has_nsfw_concepts":[false,true]}"#, "moderated"),
        Row(200, #"{"images":[],"has_nsfw_concepts":[false]}"#, "noImage"),
        Row(200, #"{"artifacts":[{"base64":"","finishReason":"CONTENT_FILTERED"}]}"#, "moderated"),
        Row(200, #"{"status":"Content Moderated","result":null}"#, "moderated"),
        Row(200, #"{"promptFeedback":{"blockReason":"SAFETY"}}"#, "moderated"),
        Row(200, #"{"id":"x","status":"Request Moderated"}"#, "moderated"),
        Row(200, #"{"error":{"code":"x"},"moderated":true}"#, "moderated"),
        Row(400, #"{"flagged":true}"#, "moderated"), Row(400, error("SafetyViolation"), "moderated"),
        // The picture came nevertheless.
        Row(200, #"{"data":[{"url":"https://h/p","nsfw":true}]}"#, "answered"),
        // The API itself reports the failure.
        Row(200, #"{"status":"failed","message":"no"}"#, "rejected"),
        Row(200, #"{"success":false,"msg":"no"}"#, "rejected"),
        Row(200, #"{"base_resp":{"status_code":1008,"status_msg":"no"}}"#, "rejected"),
        Row(200, #"{"base_resp":{"status_code":0,"status_msg":"success"}}"#, "noImage"),
        Row(200, #"{"error_code":17,"error_msg":"no"}"#, "rejected"),
        Row(200, #"{"errors":[{"code":"unauthorized"}]}"#, "accountClosed"),
        Row(200, #"{"error":{"message":"","type":"","param":"","code":""},"data":[]}"#, "noImage"),
        Row(200, #"{"code":10000,"message":"Success","data":[]}"#, "noImage"),
        Row(200, #"{"data":[{"error":{"message":"no"}}]}"#, "noImage"),
        Row(200, #"{"data":[{"error":{"code":"sensitive_check_error","message":"no"}}]}"#, "moderated"),
        Row(200, #"{"data":[{"error":{"code":429}}]}"#, "rateLimited"),
        // Something came in place of a picture: a rate limit beside it does not mean that it is unpaid.
        Row(200, #"{"data":[{"b64_json":"***"},{"error":{"code":"rate_limit_exceeded"}}]}"#, "noImage"),
        Row(200, #"{"data":[{"b64_json":"\#(broken)"},{"error":{"code":"rate_limit_exceeded"}}]}"#, "answered"),
        Row(200, #"{"code":401,"message":"no"}"#, "accountClosed"),
        Row(200, #"{"code":"401","message":"no"}"#, "accountClosed"),
        Row(200, #"{"code":403}"#, "accountClosed"), Row(200, #"{"code":429}"#, "rateLimited"),
        Row(200, #"{"code":400}"#, "rejected"), Row(200, #"{"code":302}"#, "rejected"),
        Row(200, #"{"code":500}"#, "serverError"), Row(200, #"{"code":504}"#, "unknown"),
        Row(200, #"{"code":503}"#, "rateLimited", headers: ["Retry-After: 3"]),
        Row(200, #"{"code":"auth_error","message":"no"}"#, "accountClosed"),
        Row(200, #"{"status":"Request Moderated"}"#, "moderated"),
        Row(200, #"{"error":{"code":401}}"#, "accountClosed"), Row(200, #"{"error":{"code":429.0}}"#, "rateLimited"),
        Row(200, #"{"error":401}"#, "accountClosed"), Row(200, #"{"error":[{"code":"forbidden"}]}"#, "accountClosed"),
        Row(200, error("insufficient_quota"), "accountClosed"), Row(200, error("rate_limit"), "rateLimited"),
        Row(200, error("content_policy_violation"), "moderated"), Row(200, error("internal_error"), "serverError"),
        Row(200, error("x", type: "rate_limit_error"), "rateLimited"),
        // Errors that have no row of their own count as a 4xx.
        Row(200, error("1001"), "rejected"), Row(200, error("something_new"), "rejected"),
        Row(200, #"{"error":"invalid api key"}"#, "rejected"), Row(200, #"{"code":7}"#, "rejected"),
        Row(200, #"{"error":{"message":"no"}}"#, "rejected"), Row(200, #"{"error":true}"#, "rejected"),
    ]

    @Test("each answer has its row", arguments: [statuses, vendor, elsewhere, success])
    func rows(_ table: [Row]) async throws {
        for row in table {
            let server = try await RawServer(.answer(row.status, headers: row.headers, row.body))
            let report = try await withScene(server) {
                await $0.generate(try request(), picture: nil, receiver: Album())
            }
            #expect(report.outcome.row == row.outcome, "\(row.testDescription)")
            #expect(report.status == row.status)
            #expect(report.sentAt != nil)
        }
    }

    @Test(
        "an administrator configures the unbilled statuses",
        arguments: [
            (500, [], "unknown"), (503, [500], "unknown"), (502, [502], "serverError"),
            (408, [408], "serverError"), (404, [404], "wrongAddress"),
        ] as [(Int, Set<Int>, String)])
    func unbilledStatuses(status: Int, unbilled: Set<Int>, outcome: String) async throws {
        let server = try await RawServer(.answer(status, "x"))
        let report = try await withScene(server, unbilledStatuses: unbilled) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        #expect(report.outcome.row == outcome)
    }

    @Test("the error's parts are kept, and the request id from any place")
    func errorParts() async throws {
        let body = #"{"error":{"code":42,"type":"t","message":"[trace_id: x] no","param":"req-9"}}"#
        let server = try await RawServer(
            .answer(400, headers: ["X-Request-Id: header-1"], body),
            .answer(400, headers: ["X-Request-Id: header-1"], #"{"error":"bare"}"#),
            .answer(502, Self.page), .answer(422, #"{"detail":[{"msg":"too many"}]}"#), .answer(400, ""),
            .answer(200, headers: ["X-Request-Id: header-1"], Self.picture))
        try await withScene(server) { client in
            var reports: [CallReport] = []
            for _ in 0..<6 { reports.append(await client.generate(try request(), picture: nil, receiver: Album())) }
            #expect(
                reports[0].outcome
                    == .rejected(
                        APIError(status: 400, code: "42", type: "t", message: "[trace_id: x] no", requestID: "req-9")))
            #expect(reports[0].requestID == "req-9")
            #expect(reports[1].outcome.error == APIError(status: 400, message: "bare", requestID: "header-1"))
            #expect(reports[2].outcome.message.contains("HTTP 502: x Gateway"))
            #expect(reports[3].outcome.message == "too many")
            #expect(reports[4].outcome.message.contains("HTTP 400 and no message"))
            #expect(reports[5].requestID == "header-1")
            #expect(reports[5].outcome.answer?.requestID == "header-1")
        }
    }

    @Test("a redirect's message names its target and the setting to check")
    func redirect() async throws {
        let server = try await RawServer(
            .answer(301, headers: ["Location: https://new.example/v2/images"], ""))
        let report = try await withScene(server) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        #expect(report.outcome.message.contains("https://new.example/v2/images"))
        #expect(report.outcome.message.contains("api.base_url"))
        #expect(server.received.count == 1)
    }

    @Test("Retry-After is passed on if it is plausible")
    func retryAfter() async throws {
        let server = try await RawServer(
            .answer(429, headers: ["Retry-After: 1.5"], ""), .answer(429, headers: ["Retry-After: -3"], ""),
            .answer(503, headers: ["Retry-After: 20"], ""))
        try await withScene(server) { client in
            for expected in [Duration.milliseconds(1500), nil, .seconds(20)] {
                let report = await client.generate(try request(), picture: nil, receiver: Album())
                guard case .rateLimited(_, let retryAfter) = report.outcome else {
                    Issue.record("\(report.outcome)")
                    continue
                }
                #expect(retryAfter == expected)
            }
        }
    }

    @Test("the key is hidden and terminal controls are dropped, wherever an answer repeats them")
    func redaction() async throws {
        let error =
            #"{"error":{"code":"c\#(secret)","type":"\#(secret)","message":"\u001b[31mBearer \#(secret)","param":"\#(secret)"}}"#
        let server = try await RawServer(
            .answer(400, error), .answer(200, "<html>\(secret)\u{1B}[2J</html>"),
            .answer(200, #"{"data":[{"error":"\#(secret)"}],"usage":{"key":"\#(secret)"}}"#),
            .answer(302, headers: ["Location: https://h/\u{202E}\u{9B}31m?key=\(secret)"], ""))
        try await withScene(server) { client in
            for _ in 0..<4 {
                let report = await client.generate(try request(), picture: nil, receiver: Album())
                let text = "\(report)"
                #expect(!text.contains(secret))
                #expect(!text.unicodeScalars.contains("\u{1B}"))
                #expect(text.contains("[hidden]"))
            }
        }
    }

    @Test("the keys of all endpoints are hidden, whichever the API received, and the longest piece of any")
    func otherKeys() throws {
        let keys = try ["sk-first-0123456789", "sk-second-9876543210", "sk-first-0123456789-longer"].map {
            try APIKey($0)
        }
        let redactor = Redactor(hiding: keys)
        #expect(redactor.clean("a sk-first-0123456789 b sk-second-9876543210 c") == "a [hidden] b [hidden] c")
        #expect(redactor.clean("sk-first-0123456789-longer!") == "[hidden]!")
        #expect(redactor.isTelling("x-second-9876543210") && !redactor.isTelling("sk-third"))
        #expect(Redactor(hiding: []).clean("sk-first-0123456789") == "sk-first-0123456789")
    }

    @Test(
        "the key is hidden even if a combining mark follows its last character",
        arguments: ["\u{301}", "\u{200D}", "\u{FE0F}"])
    func redactionBeforeAMark(mark: String) throws {
        let clean = Redactor(hiding: [try APIKey(secret)]).clean("Bearer \(secret)\(mark) is unknown")
        #expect(clean.unicodeScalars.elementsEqual("Bearer [hidden]\(mark) is unknown".unicodeScalars))
    }

    @Test(
        "the key is hidden in every spelling, and so is a telling piece of it",
        arguments: [
            ("key=%73k-%61/b%2Bc%2f0123456789 x", "key=[hidden] x"),
            (#"{"k": "\u0073k-a\/b+c\/0123456789"}"#, #"{"k": "[hidden]"}"#),
            ("sk-a/b+c/0123456789sk-a/b+c/0123456789", "[hidden][hidden]"),
            ("sk-sk-a/b+c/0123456789.", "sk-[hidden]."), ("cut in front: a/b+c/012345.", "cut in front: [hidden]."),
            ("cut behind: sk-a/b+c/01234 x", "cut behind: [hidden] x"),
            ("cut at the end: sk-a", "cut at the end: [hidden]"),
            ("cut at the end: sk-a/b%", "cut at the end: [hidden]%"), ("0123456789 alone", "0123456789 alone"),
            ("100 % of 50%zz \\", "100 % of 50%zz \\"), ("", ""),
        ])
    func spellings(text: String, clean: String) throws {
        #expect(Redactor(hiding: [try APIKey("sk-a/b+c/0123456789")]).clean(text) == clean)
    }

    @Test("a page that is cut in the middle of the key shows no part of it", arguments: 270...300)
    func cut(before: Int) async throws {
        let server = try await RawServer(.answer(400, String(repeating: "a", count: before) + secret))
        try await withScene(server) { client in
            let report = await client.generate(try request(), picture: nil, receiver: Album())
            #expect(!"\(report)".contains(secret.prefix(4)))
        }
    }

    @Test(
        "a link that contains the key is neither kept nor followed; other pictures are kept",
        arguments: ["https://h/1.png?key=\(secret)", "https://h/%73\(secret.dropFirst())/1.png"])
    func keyInLink(link: String) async throws {
        let server = try await RawServer(
            .answer(200, #"{"data":[{"url":"\#(link)"},{"url":"https://h/2.png"}]}"#),
            .answer(200, #"{"data":[{"url":"\#(link)"}]}"#), .answer(200, #"{"data":[{"url":"\#(link)"}] and no JSON"#))
        try await withScene(server) { client in
            var outcomes: [CallOutcome] = []
            for _ in 0..<3 {
                outcomes.append(await client.generate(try request(), picture: nil, receiver: Album()).outcome)
            }
            #expect(outcomes[0].row == "answered")
            if case .answered(let answer) = outcomes[0] {
                #expect(answer.items.map(\.link) == [nil, "https://h/2.png"])
                #expect(answer.items[0].error?.contains("Change the key") == true)
            }
            #expect(outcomes[1...].map(\.row) == ["noImage", "noImage"])
            #expect(!"\(outcomes)".contains(secret.dropFirst()))
        }
    }

    @Test(
        "an uncompressed body is read whatever its header claims; an unreadable one is decided by its status"
    )
    func compressed() async throws {
        let server = try await RawServer(
            .answer(200, headers: ["Content-Encoding: gzip"], Self.picture),
            .answer(200, headers: ["Content-Encoding: br"], Self.picture),
            .answer(200, headers: ["Content-Encoding: br"], bytes: [0x8B, 0x05, 0x80, 0x7B, 0x22, 0x03]),
            .answer(200, headers: ["Content-Encoding: gzip"], bytes: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xFF, 0xFF]),
            .answer(400, headers: ["Content-Encoding: br"], "x"), .answer(500, headers: ["Content-Encoding: gzip"], "x")
        )
        try await withScene(server) { client in
            var rows: [String] = []
            for _ in 0..<6 {
                rows.append(await client.generate(try request(), picture: nil, receiver: Album()).outcome.row)
            }
            #expect(rows == ["answered", "answered", "unknown", "unknown", "rejected", "serverError"])
        }
    }

    @Test(
        "complete JSON is an answer however the body ends; for other statuses it is unknown, unless unbilled",
        arguments: [
            ("200 OK", "answered"), ("500 No", "unknown"), ("503 No", "unknown"), ("502 No", "unknown"),
            ("400 No", "rejected"), ("401 No", "accountClosed"), ("429 No", "rateLimited"), ("302 No", "wrongAddress"),
        ])
    func brokenOff(status: String, outcome: String) async throws {
        let framings = [
            "Content-Length: 1000\r\n\r\n\(Self.picture)",
            "Transfer-Encoding: chunked\r\n\r\n24\r\n\(Self.picture)\r\n",
            "Transfer-Encoding: chunked\r\n\r\n100\r\n\(Self.picture)",
        ]
        for framing in framings {
            let server = try await RawServer(.raw("HTTP/1.1 \(status)\r\n\(framing)"))
            let report = try await withScene(server) {
                await $0.generate(try request(), picture: nil, receiver: Album())
            }
            #expect(report.outcome.row == outcome, "\(framing.prefix(20))")
        }
    }

    @Test("an answer that ends with its connection keeps its pictures, and has a defect if it was cut")
    func delimitedByClose() async throws {
        let head = "HTTP/1.1 200 OK\r\n\r\n"
        let server = try await RawServer(
            .raw(head + Self.picture), .raw(head + Self.picture.dropLast()), .raw(head + Self.page),
            .raw(head + Self.picture.dropLast(8)), .raw(head + "{\"data\":["))
        try await withScene(server) { client in
            var outcomes: [CallOutcome] = []
            for _ in 0..<5 {
                outcomes.append(await client.generate(try request(), picture: nil, receiver: Album()).outcome)
            }
            #expect(outcomes.map(\.row) == ["answered", "answered", "webPage", "unknown", "unknown"])
            #expect(outcomes.map { $0.answer?.defect } == [nil, "it ends in the middle", nil, nil, nil])
        }
    }

    @Test("floods end within limits")
    func floods() async throws {
        let header = String(repeating: "X-Flood: \(String(repeating: "a", count: 1000))\r\n", count: 4000)
        let body = String(repeating: " ", count: 3 << 20)
        let server = try await RawServer(
            .raw("HTTP/1.1 200 OK\r\n\(header)\r\n"), .answer(200, body), .answer(500, body),
            .answer(200, #"{"data":[{"b64_json":"AAEC"},"# + body))
        try await withScene(server) { client in
            var outcomes: [CallOutcome] = []
            for _ in 0..<4 {
                outcomes.append(await client.generate(try request(), picture: nil, receiver: Album()).outcome)
            }
            #expect(outcomes.map(\.row) == ["unknown", "noImage", "serverError", "answered"])
            #expect(outcomes[1].answer?.excerpt.count ?? 0 <= Reply.Limits.excerptCharacters + 1)
            #expect(outcomes[3].answer?.items == [AnswerItem(inline: 0)])
        }
    }
}
