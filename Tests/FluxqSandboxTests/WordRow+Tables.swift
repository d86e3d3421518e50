import FluxqFormats
import Foundation
import Testing

@testable import FluxqSandbox

/// The effect of every word for a client.
extension WordRow {
    static func status(_ status: Int) -> @Sendable (SandboxClient.Seen) throws -> Void {
        { seen throws in #expect(try seen.answer().status == status) }
    }

    static let whole: @Sendable (SandboxClient.Seen) throws -> Void = { seen in
        let answer = try seen.answer()
        #expect(answer.status == 200)
        #expect(try PNGFile(answer.bytes).width == 24)
    }

    static func decoded(_ text: some StringProtocol) throws -> [UInt8] {
        Array(try #require(Data(base64Encoded: String(text))))
    }

    /// How many seconds a date is ahead.
    private static func ahead(_ text: String, _ form: String) throws -> TimeInterval {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = form
        return try #require(format.date(from: text)).timeIntervalSinceNow
    }

    static let png = "data:image/png;base64,"

    static let outcomes: [WordRow] = [
        .error("sandbox:rejected", 400, "param_error"), .error("sandbox:rejected=model_error", 400, "model_error"),
        .error("sandbox:moderated", 400, "sensitive_check_error"),
        .error("sandbox:moderated=content_policy_violation", 400, "content_policy_violation"),
        .error("sandbox:bad-key", 401, "auth_error"), .error("sandbox:no-money", 402, "insufficient_balance"),
        .error("sandbox:forbidden", 403, "forbidden"), .error("sandbox:quota", 429, "insufficient_quota"),
        .error("sandbox:429", 429, "rate_limit"), .error("sandbox:status=404", 404, "not_found"),
        .error("sandbox:status=413", 413, "request_too_large"), .error("sandbox:status=422", 422, "param_error"),
        .error("sandbox:server-error", 500, "internal_error"), .error("sandbox:503", 503, "service_unavailable"),
        .error("sandbox:status=408", 408, "timeout", billed: 1),
        .error("sandbox:502", 502, "internal_error", billed: 1),
        .error("sandbox:504", 504, "gateway_timeout_error", billed: 1),
        .error("sandbox:520", 520, "internal_error", billed: 1),
        .error("sandbox:524", 524, "internal_error", billed: 1),
        WordRow("sandbox:strict", ["seed": 7, "response_format": "url"]) { _, seen throws in
            let answer = try seen.answer()
            #expect(answer.status == 400)
            let error = try answer.error()
            #expect(error["code"] == "unknown_parameter" && error["param"] == "response_format")
            #expect(error["message"] == "Unknown parameter: 'response_format'.")
        },
        .good("sandbox:strict", ["seed": .null, "size": "1024x1024", "quality": "high"]) { _, json throws in
            #expect(json.items.count == 1)
        },
        WordRow("sandbox:201", billed: 1) { _, seen throws in #expect(try seen.answer().status == 201) },
        WordRow("sandbox:rate-limit") { _, seen throws in
            #expect(try seen.answer().status == 429)
            #expect(try seen.answer().headers["retry-after"] == nil)
        },
        WordRow("sandbox:rate-limit=-1.5") { _, seen throws in
            #expect(try seen.answer().headers["retry-after"] == "-1.5")
        },
        WordRow("sandbox:rate-limit=date:60") { _, seen throws in
            let text = try #require(try seen.answer().headers["retry-after"])
            #expect(try (0...61).contains(ahead(text, "EEE, dd MMM yyyy HH:mm:ss 'GMT'")), "\(text)")
        },
        WordRow("sandbox:rate-limit=rfc850:60") { _, seen throws in
            let text = try #require(try seen.answer().headers["retry-after"])
            #expect(try (0...61).contains(ahead(text, "EEEE, dd-MMM-yy HH:mm:ss 'GMT'")), "\(text)")
        },
        WordRow("sandbox:rate-limit=asctime:60") { _, seen throws in
            let text = try #require(try seen.answer().headers["retry-after"])
            #expect(
                try (0...61).contains(ahead(text.replacing("  ", with: " 0"), "EEE MMM dd HH:mm:ss yyyy")), "\(text)")
        },
        WordRow("sandbox:rate-limit=ms:250") { _, seen throws in
            #expect(try seen.answer().headers["retry-after-ms"] == "250")
            #expect(try seen.answer().headers["retry-after"] == nil)
        },
        WordRow("sandbox:rate-limit=text:soon") { _, seen throws in
            #expect(try seen.answer().headers["retry-after"] == "soon")
        },
        WordRow("sandbox:busy=2") { _, seen throws in
            #expect(try seen.answer().status == 503)
            #expect(try seen.answer().headers["retry-after"] == "2")
        },
        WordRow("sandbox:gateway", billed: 1) { _, seen throws in
            #expect(try seen.answer().status == 504)
            #expect(try seen.answer().text.contains("<html>"))
        },
        WordRow("sandbox:gateway=413") { _, seen throws in #expect(try seen.answer().status == 413) },
        WordRow("sandbox:redirect") { client, seen throws in
            #expect(try seen.answer().status == 302)
            let location = try #require(try seen.answer().headers["location"])
            #expect(location.hasPrefix("http://127.0.0.1:\(client.sandbox.port)/"))
        },
        WordRow("sandbox:redirect=307") { _, seen throws in #expect(try seen.answer().status == 307) },
        WordRow("sandbox:html", billed: 1) { _, seen throws in
            #expect(try seen.answer().status == 200)
            #expect(try seen.answer().headers["content-type"] == "text/html")
        },
        .good("sandbox:envelope=401", billed: nil) { _, json throws in
            #expect(json["code"] == 401)
            #expect(json["message"]?.string?.isEmpty == false)
        },
        .good("sandbox:envelope=401 sandbox:string-codes", billed: nil) { _, json throws in
            #expect(json["code"] == "401")
        },
        .good("sandbox:error-in-200=rate_limit", billed: nil) { _, json throws in
            #expect(json["error"]?["code"] == "rate_limit")
        },
        .good("sandbox:envelope=504") { _, json throws in #expect(json["code"] == 504) },
        WordRow("sandbox:error-string") { _, seen throws in
            #expect(try seen.answer().status == 401)
            #expect(try seen.answer().error().string?.isEmpty == false)
        },
        .good("sandbox:error-in-200", billed: nil) { _, json throws in #expect(json["error"]?["code"] == "param_error")
        },
        .good("sandbox:error-in-200=504") { _, json throws in #expect(json["error"]?["code"] == "gateway_timeout_error")
        },
        WordRow("sandbox:429 sandbox:number-codes sandbox:trace-id") { _, seen throws in
            #expect(try seen.answer().error()["code"] == 429)
            #expect(try #require(try seen.answer().error()["message"]?.string).hasPrefix("[trace_id: req-"))
        },
        WordRow("sandbox:truncated", billed: 1) { _, seen throws in
            guard case .brokenOff(status: 200) = seen else {
                Issue.record("\(seen)")
                return
            }
        },
        WordRow("sandbox:truncated", ["response_format": "b64_json", "n": 2], billed: 2) { _, seen throws in
            guard case .brokenOff(status: 200) = seen else {
                Issue.record("\(seen)")
                return
            }
        },
        WordRow("sandbox:reset", ["n": 2], billed: 2) { _, seen throws in
            guard case .nothing = seen else {
                Issue.record("\(seen)")
                return
            }
        },
        WordRow("sandbox:hangup") { _, seen throws in
            guard case .nothing = seen else {
                Issue.record("\(seen)")
                return
            }
        },
        WordRow("sandbox:cut-in=2", ["n": 4], billed: 4) { _, seen throws in
            guard case .brokenOff(status: 200) = seen else {
                Issue.record("\(seen)")
                return
            }
        },
        WordRow("sandbox:no-last-chunk", billed: 1) { _, seen throws in
            guard case .brokenOff(status: 200) = seen else {
                Issue.record("\(seen)")
                return
            }
        },
        WordRow("sandbox:no-last-bytes", billed: 1) { _, seen throws in
            let answer = try seen.answer()
            #expect(answer.headers["content-length"] == "\(answer.bytes.count)")
            #expect(answer.text.hasPrefix("{") && answer.text.hasSuffix("{}"))
        },
        WordRow("sandbox:raw", billed: 1) { _, seen throws in try whole(seen) },
        WordRow("sandbox:task", billed: 1) { _, seen throws in
            #expect(try seen.answer().status == 202)
            #expect(try seen.answer().json()["status"] == "queued")
        },
        .good("sandbox:task=200") { _, json throws in #expect(json["status"] == "queued") },
        .good("sandbox:moderated-flag", billed: nil) { _, json throws in #expect(json["flagged"] == .bool(true)) },
        .good("sandbox:moderated-flag=finish-reason", billed: nil) { _, json throws in
            guard case .array(let artifacts) = json["artifacts"] else {
                Issue.record("\(json)")
                return
            }
            #expect(artifacts.first?["finishReason"] == "CONTENT_FILTERED")
        },
        WordRow("sandbox:bare=404") { _, seen throws in
            #expect(try seen.answer().status == 404)
            #expect(try seen.answer().bytes.isEmpty)
        },
        WordRow("sandbox:429 sandbox:should-retry=false") { _, seen throws in
            #expect(try seen.answer().headers["x-should-retry"] == "false")
        },
        WordRow("sandbox:rate-limit=reset:2s") { _, seen throws in
            #expect(try seen.answer().headers["x-ratelimit-reset-requests"] == "2s")
        },
        .error("sandbox:409", 409, "conflict"), .error("sandbox:423", 423, "locked"),
        .error("sandbox:425", 425, "too_early"),
        // If two words contradict each other, the later one wins.
        .error("sandbox:429 sandbox:moderated", 400, "sensitive_check_error"),
    ]

    static let answers: [WordRow] = [
        .good("") { _, json throws in
            #expect(json["created"]?.integer != nil)
            #expect(json["usage"]?["input_tokens_details"] == .object([:]))
            #expect(json.items.count == 1)
        },
        .good("sandbox:empty") { _, json throws in #expect(json["data"] == .array([])) },
        .good("sandbox:null-data", ["n": 2], billed: 2) { _, json throws in #expect(json["data"] == .null) },
        .good("sandbox:no-data") { _, json throws in #expect(json["data"] == nil) },
        .good("sandbox:fewer=1", ["n": 3]) { _, json throws in #expect(json.items.count == 1) },
        .good("sandbox:fewer=0", ["n": 3], billed: 0) { _, json throws in #expect(json.items.isEmpty) },
        .good("sandbox:item-error", ["n": 2]) { _, json throws in
            #expect(json.items[0]["url"]?.string != nil)
            #expect(json.items[1]["error"]?["code"] == "sensitive_check_error")
        },
        .good("sandbox:inline") { _, json throws in
            #expect(json.items[0]["url"] == nil)
            #expect(json.items[0]["b64_json"]?.string?.hasPrefix(png) == true)
        },
        .good("sandbox:link", ["response_format": "b64_json"]) { _, json throws in
            #expect(json.items[0]["url"]?.string != nil)
            #expect(json.items[0]["b64_json"] == nil)
        },
        .good("sandbox:both") { client, json throws in
            let link = try #require(json.items[0]["url"]?.string)
            let text = try #require(json.items[0]["b64_json"]?.string)
            #expect(try await client.download(link).answer().bytes == (try decoded(text.dropFirst(png.count))))
        },
        .good("sandbox:empty-other") { _, json throws in #expect(json.items[0]["b64_json"] == "") },
        .good("sandbox:empty-other", ["response_format": "b64_json"]) { _, json throws in
            #expect(json.items[0]["url"] == "")
        },
        .good("sandbox:created-string") { _, json throws in
            #expect(try #require(json["created"]?.string).allSatisfy(\.isNumber))
        },
        .good("sandbox:empty-usage") { _, json throws in #expect(json["usage"] == .object([:])) },
        .good("sandbox:no-usage") { _, json throws in #expect(json["usage"] == nil) },
        .good("sandbox:no-created sandbox:no-usage sandbox:no-data") { _, json throws in #expect(json == .object([:]))
        },
        .good("sandbox:item-error=rate_limit_exceeded", ["n": 2]) { _, json throws in
            #expect(json.items[1]["error"]?["code"] == "rate_limit_exceeded")
        },
        .good("sandbox:shape=strings") { _, json throws in
            guard case .array(let images) = json["images"] else {
                Issue.record("\(json)")
                return
            }
            #expect(images.first?.string?.hasPrefix("http://") == true)
        },
        .good("sandbox:shape=result") { _, json throws in
            #expect(json["result"]?["sample"]?.string?.hasPrefix("http://") == true)
        },
        .good("sandbox:shape=artifacts") { _, json throws in
            guard case .array(let artifacts) = json["artifacts"] else {
                Issue.record("\(json)")
                return
            }
            #expect(artifacts.first?["base64"]?.string?.hasPrefix(png) == true)
        },
        WordRow("sandbox:events", billed: 1) { _, seen throws in
            let answer = try seen.answer()
            #expect(answer.headers["content-type"] == "text/event-stream")
            #expect(answer.text.split(separator: "\n").count { $0 == "event: image_generation.partial_image" } == 2)
            #expect(answer.text.hasSuffix("data: [DONE]\n\n"))
        },
        WordRow("sandbox:events=error") { _, seen throws in
            #expect(try seen.answer().text.hasPrefix("event: error\n"))
        },
        WordRow("sandbox:wrapping=lines", ["n": 2], billed: 2) { _, seen throws in
            #expect(try seen.answer().text.split(separator: "\n").count == 2)
        },
        WordRow("sandbox:wrapping=spaces", billed: 1) { _, seen throws in
            #expect(try seen.answer().text.hasPrefix(" \n"))
        },
        WordRow("sandbox:coding=gzip", billed: 1) { _, seen throws in
            #expect(try seen.answer().headers["content-encoding"] == "gzip")
            #expect(try seen.answer().bytes.starts(with: [0x1F, 0x8B]))
        },
        .good("sandbox:coding=utf-8") { _, json throws in #expect(json.items.count == 1) },
        .good("sandbox:said-coding=gzip") { _, json throws in #expect(json.items.count == 1) },
        WordRow("sandbox:broken-coding", billed: 1) { _, seen throws in
            #expect(try seen.answer().bytes.starts(with: [0x1F, 0x8B]))
        },
        .inline("sandbox:b64-bare sandbox:wrong-letter") { text throws in
            #expect(text.count { $0 == "*" } == 1)
            #expect(try decoded(text.replacing("*", with: "A")).starts(with: [0x89, 0x50, 0x4E, 0x47]))
        },
        // Only an error was produced.
        .good("sandbox:item-error", billed: nil) { _, json throws in
            #expect(json.items[0]["error"]?["code"] == "sensitive_check_error")
        },
        .good("sandbox:no-created") { _, json throws in #expect(json["created"] == nil) },
        .inline("sandbox:jpeg") { #expect($0.hasPrefix("data:image/JPEG;base64,")) },
        .link("sandbox:jpeg", { seen throws in #expect(try seen.answer().headers["content-type"] == "image/JPEG") }),
        .inline("sandbox:no-mime") { text throws in
            #expect(text.hasPrefix("data:;base64,"))
            _ = try PNGFile(try decoded(text.dropFirst("data:;base64,".count)))
        },
        .inline("sandbox:b64-bare") { text throws in _ = try PNGFile(try decoded(text)) },
        .inline("sandbox:b64-bare sandbox:b64-lines") { text throws in
            let lines = text.split(separator: "\n")
            #expect(lines.count > 10 && lines.dropLast().allSatisfy { $0.count == 76 })
            #expect(try #require(lines.last).count <= 76)
            _ = try PNGFile(try decoded(lines.joined()))
        },
        .inline("sandbox:b64-bare sandbox:b64-urlsafe") { text throws in
            #expect(text.contains("-") && text.contains("_") && !text.contains("+") && !text.contains("/"))
            _ = try PNGFile(try decoded(text.replacing("-", with: "+").replacing("_", with: "/")))
        },
        // 4000 and 4001 bytes leave two and three characters at the end.
        .inline("sandbox:b64-bare sandbox:b64-unpadded sandbox:bytes=4001") { text throws in
            #expect(!text.hasSuffix("="))
            #expect(try decoded(text + "=").count == 4001)
        },
        .inline("sandbox:b64-bare sandbox:b64-unpadded sandbox:bytes=4000") { text throws in
            #expect(try decoded(text + "==").count == 4000)
        },
    ]

    /// Checks that the answer's link gives its expiry in this form, and works.
    private static func expiry(
        _ form: Regex<Substring>
    ) -> @Sendable (SandboxClient, JSONValue) async throws -> Void {
        // A regular expression is a value, but the library does not declare it Sendable.
        nonisolated(unsafe) let form = form
        return { client, json in
            let link = try #require(json.items.first?["url"]?.string)
            #expect(link.firstMatch(of: form) != nil, "\(link)")
            try whole(await client.download(link))
        }
    }

    /// Checks for a complete picture of that format under a PNG's name and type.
    private static func picture(_ format: PictureFormat) -> @Sendable (SandboxClient.Seen) throws -> Void {
        { seen in
            let answer = try seen.answer()
            #expect(answer.headers["content-type"] == "image/png")
            let info = PictureInfo(format: format, width: 24, height: 16)
            #expect(try PictureReader.inspect(answer.bytes) == .success(info))
        }
    }

    static let links: [WordRow] = [
        .link("sandbox:dead-link", status(404), status(404)), .link("sandbox:dead-link=410", status(410)),
        .link(
            "sandbox:link-coding=utf-8",
            { seen throws in #expect(try seen.answer().headers["content-encoding"] == "utf-8") }, whole),
        .link(
            "sandbox:link-coding=gzip",
            { seen throws in #expect(try seen.answer().bytes.starts(with: [0x1F, 0x8B])) }),
        .link(
            "sandbox:link-coding=framed",
            { seen throws in #expect(try seen.answer().text.contains(";chunk-signature=")) }),
        .link("sandbox:no-ranges", { seen throws in #expect(try seen.answer().headers["etag"] == nil) }, whole),
        .good("sandbox:odd-link") { _, json throws in
            #expect(try #require(json.items.first?["url"]?.string).contains("name=a b|{é}^`&"))
        },
        .link("sandbox:flaky-link=2", status(503), status(503), whole, whole),
        .link(
            "sandbox:cut-link=1",
            { seen throws in
                guard case .brokenOff(status: 200) = seen else {
                    Issue.record("\(seen)")
                    return
                }
            }, whole),
        .link("sandbox:slow-link=0.01", whole),
        .good("sandbox:redirect-link=2") { client, json throws in
            var link = try #require(json.items.first?["url"]?.string)
            for _ in 0..<2 {
                let answer = try await client.download(link).answer()
                #expect(answer.status == 302)
                link = "http://127.0.0.1:\(client.sandbox.port)\(try #require(answer.headers["location"]))"
            }
            try whole(await client.download(link))
        },
        .link("sandbox:expired-link", status(403)), .link("sandbox:expires=-5", status(403)),
        .link("sandbox:expires=1000", whole),
        .good("sandbox:expires=1000 sandbox:expires-as=expires", check: expiry(#/\?expires=\d+&Signature=/#)),
        .good(
            "sandbox:expires=1000 sandbox:expires-as=amz",
            check: expiry(#/\?X-Amz-Date=\d{8}T\d{6}Z&X-Amz-Expires=3600&Signature=/#)),
        .good(
            "sandbox:expires=1000 sandbox:expires-as=goog",
            check: expiry(#/\?X-Goog-Date=\d{8}T\d{6}Z&X-Goog-Expires=3600&Signature=/#)),
        .good("sandbox:expires=1000 sandbox:expires-as=none", check: expiry(#/\.png\?Signature=/#)),
        .link("sandbox:expires=-5 sandbox:expires-as=none", status(403)),
        .good("sandbox:forbidden-link") { _, json throws in
            #expect(try #require(json.items.first?["url"]?.string).hasPrefix("https://10.0.0.1/"))
        },
        .good("sandbox:relative-link") { _, json throws in
            #expect(try #require(json.items.first?["url"]?.string).hasPrefix("/files/"))
        },
        .good("sandbox:relative-link=scheme") { client, json throws in
            #expect(
                try #require(json.items.first?["url"]?.string).hasPrefix("//127.0.0.1:\(client.sandbox.port)/files/"))
        },
        .good("sandbox:bad-scheme-link") { _, json throws in
            #expect(try #require(json.items.first?["url"]?.string).hasPrefix("ftp://127.0.0.1/"))
        },
        .link(
            "sandbox:not-a-picture",
            { seen throws in
                #expect(try seen.answer().text.contains("<html>"))
                #expect(try seen.answer().headers["content-type"]?.hasPrefix("text/html") == true)
            }),
        .inline("sandbox:not-a-picture") { text throws in
            #expect(throws: PNGFile.Broken.signature) { try PNGFile(try decoded(text.dropFirst(png.count))) }
        },
        .link("sandbox:not-a-picture=json", { seen throws in _ = try seen.answer().json() }),
        .link("sandbox:not-a-picture=svg", { seen throws in #expect(try seen.answer().text.hasPrefix("<svg")) }),
        .link(
            "sandbox:not-a-picture=heic",
            { seen throws in #expect(try seen.answer().bytes.dropFirst(4).starts(with: "ftypheic".utf8)) }),
        .link(
            "sandbox:flawed-picture",
            { seen throws in
                guard case .success(let info) = try PictureReader.inspect(try seen.answer().bytes) else {
                    Issue.record("it is no picture")
                    return
                }
                #expect(info.flaw == "ends without its end mark")
            }),
        .link("sandbox:not-a-picture=nothing", { seen throws in #expect(try seen.answer().bytes.isEmpty) }),
        .inline("sandbox:not-a-picture=nothing") { #expect($0 == png) },
        .link("sandbox:format=jpeg", picture(.jpeg)), .link("sandbox:format=webp", picture(.webp)),
        .link("sandbox:format=gif", picture(.gif)), .link("sandbox:format=avif", picture(.avif)),
        .inline("sandbox:format=webp") { text throws in
            #expect(try decoded(text.dropFirst(png.count)) == SmallPicture.bytes(of: .webp))
        },
        .link(
            "sandbox:truncated-picture",
            { seen throws in
                let answer = try seen.answer()
                #expect(answer.headers["content-length"] == "\(answer.bytes.count)")
                #expect(answer.bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]))
                #expect(throws: PNGFile.Broken.self) { try PNGFile(answer.bytes) }
            }),
        .inline("sandbox:truncated-picture") { text throws in
            #expect(throws: PNGFile.Broken.self) { try PNGFile(try decoded(text.dropFirst(png.count))) }
        },
        .link("sandbox:slow=0.01", whole),
        .link("sandbox:size=24x5", { seen throws in #expect(try PNGFile(try seen.answer().bytes).height == 5) }),
        .link("sandbox:bytes=5000", { seen throws in #expect(try seen.answer().bytes.count == 5000) }),
    ]
}
