import FluxqFormats
import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore

/// `POST /v1/images/generations`: read, judged, put into the ledger, and only then played.
extension SandboxResponder {
    /// A call that may be played.
    private struct Play {
        let order: ImageOrder
        let script: Script
    }

    func generate(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let arrival = Arrival()
        let id = Self.newRequestID()
        do {
            var hangup = EarlyHangup.notAsked
            let received = try await ReceivedCall.read(request.body, directory: configuration.directory) { text in
                hangup = earlyHangup(before: text)
                return hangup == .due
            }
            guard let received else {
                try await ledger.append(entry(id, arrival, fields: nil, script: nil, status: nil))
                try await reset(channel)
            }
            switch judge(request, received, hangup) {
            case .failure(let error):
                try await ledger.append(entry(id, arrival, fields: received.fields, script: nil, status: error.status))
                try await send(
                    error.body(requestID: id), status: error.status, headers: Self.headers(id), to: writer)
            case .success(let play):
                let script = play.script
                try await ledger.append(
                    entry(id, arrival, fields: received.fields, script: script, status: script.status))
                if script.isBilled(wanted: play.order.n) { try await live.pause(for: configuration.latency) }
                try await live.pause(for: .seconds(script.slowSeconds))
                if let name = script.untilFile { try await wait(forFile: name) }
                try await self.play(play, id, arrival, writer, channel)
            }
        } catch let error as SandboxError {
            // Neither the picture nor the ledger could be written. The client must not take that for an answer.
            logger.error("The sandbox cannot serve a call", metadata: ["error": "\(error)"])
            throw error
        }
    }

    private func judge(
        _ request: Request, _ received: ReceivedCall, _ hangup: EarlyHangup
    ) -> Result<Play, VendorError> {
        do throws(VendorError) {
            try checkKey(request.headers[.authorization])
            guard !received.tooLarge else { throw .tooLarge(limit: ReceivedCall.limitBytes) }
            let order = try ImageOrder(received)
            return .success(Play(order: order, script: try script(for: order, hangup)))
        } catch {
            return .failure(error)
        }
    }

    private func checkKey(_ authorization: String?) throws(VendorError) {
        guard let authorization else {
            throw .auth("the Authorization header is missing; send: Authorization: Bearer KEY")
        }
        let parts = authorization.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw .auth("the Authorization header must be: Bearer KEY")
        }
        if let key = configuration.key?(), parts[1] != key { throw .auth("this key is not known") }
    }

    private func script(for order: ImageOrder, _ hangup: EarlyHangup) throws(VendorError) -> Script {
        do throws(WordError) {
            let words = try SpokenWords(in: order.prompt)
            if hangup == .over { return try words.scriptAfterwards() }
            guard let times = words.script.times, calls.next(order.countingKey) > times else { return words.script }
            return try words.scriptAfterwards()
        } catch {
            throw .param(error.message)
        }
    }

    /// What the text before the picture says about `sandbox:hangup`.
    private enum EarlyHangup {
        case notAsked, due
        /// `sandbox:times` is used up.
        case over
    }

    private func earlyHangup(before picture: [UInt8]) -> EarlyHangup {
        let text = String(decoding: picture, as: UTF8.self)
        guard text.contains("sandbox:hangup") else { return .notAsked }
        // What stands after the picture's name differs from call to call, so that it cannot be counted by.
        let head = text.firstRange(of: "\"image\"").map { text[..<$0.lowerBound] } ?? text[...]
        do throws(WordError) {
            let script = try SpokenWords(in: head.split(separator: "\"").joined(separator: " ")).script
            guard script.outcome == .hangup else { return .notAsked }
            guard let times = script.times, calls.next(String(head)) > times else { return .due }
            return .over
        } catch {
            // The whole request will say what is wrong with it.
            return .notAsked
        }
    }

    private func entry(
        _ id: String, _ arrival: Arrival, fields: JSONValue?, script: Script?, status: Int?
    ) -> SandboxLedger.Entry {
        let wanted = fields?["n"]?.integer
        let images = Int(wanted ?? 1)
        return SandboxLedger.Entry(
            id: id, receivedAt: arrival.text, receivedUnixMicroseconds: arrival.unixMicroseconds,
            receivedMonotonicNanoseconds: arrival.monotonicNanoseconds, prompt: fields?["prompt"]?.string,
            model: fields?["model"]?.string, n: wanted, seed: fields?["seed"]?.integer, status: status,
            billed: script?.isBilled(wanted: images) ?? false, images: script?.imagesBilled(wanted: images) ?? 0)
    }

    /// Looks again and again: whoever makes the file may be any process.
    private func wait(forFile name: String) async throws {
        while access("\(configuration.directory)/\(name)", F_OK) != 0 { try await live.pause(for: .milliseconds(10)) }
    }

    private static func headers(_ id: String) -> HTTPFields {
        guard let name = HTTPField.Name("x-request-id") else { return [:] }
        return [name: id]
    }

    private func play(
        _ play: Play, _ id: String, _ arrival: Arrival, _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        var headers = Self.headers(id)
        let style = play.script.errorStyle
        switch play.script.outcome {
        case .answer(let status):
            var pieces = try answer(to: play, id, arrival, origin: Self.origin(channel))
            try await send(
                &pieces, count: pieces.count, type: "application/json", status: status, headers: headers, to: writer)
        case .truncated:
            var pieces = try answer(to: play, id, arrival, origin: Self.origin(channel))
            try await send(
                &pieces, count: pieces.count, type: "application/json", status: 200, headers: headers,
                breakingOff: true, to: writer)
        case .refuse(let error, let retryAfter):
            if let retryAfter, let name = HTTPField.Name(retryAfter.name) { headers[name] = retryAfter.text }
            try await send(
                error.body(requestID: id, style: style), status: error.status, headers: headers, to: writer)
        case .errorObject(let error):
            try await send(error.body(requestID: id, style: style), status: 200, headers: headers, to: writer)
        case .bareError(let status):
            try await send(
                .object(["error": .string(VendorError.usual(for: status).message)]), status: status,
                headers: headers, to: writer)
        case .envelope(let code):
            let written: JSONValue = style.stringCodes ? .string("\(code)") : .integer(Int64(code))
            try await send(
                .object(["code": written, "message": .string(VendorError.usual(for: code).message)]), status: 200,
                headers: headers, to: writer)
        case .page(let status):
            try await send(page(status: status), type: "text/html", status: status, to: writer)
        case .redirect(let status):
            headers[.location] = "\(Self.origin(channel))/elsewhere/images/generations"
            try await send(page(status: status), type: "text/html", status: status, headers: headers, to: writer)
        case .reset, .hangup:
            try await reset(channel)
        case .stall:
            // Ends when the client gives up or the sandbox stops, whichever is first.
            try await channel.closeFuture.get()
            throw BrokenOff()
        }
    }

    private func answer(
        to play: Play, _ id: String, _ arrival: Arrival, origin: String
    ) throws -> AnswerPieces {
        let script = play.script
        var text = "{"
        switch script.created {
        case .number: text += "\"created\":\(arrival.unixSeconds),"
        case .string: text += "\"created\":\"\(arrival.unixSeconds)\","
        case .missing: break
        }
        var segments: [AnswerPieces.Segment] = []
        switch script.dataField {
        case .pictures:
            segments.append(.text(text + "\"data\":["))
            text = "],"
            segments += try items(of: play, id, origin: origin)
        case .empty: text += "\"data\":[],"
        case .null: text += "\"data\":null,"
        case .missing: break
        }
        switch script.usage {
        case .full: text += "\"usage\":{\"input_tokens_details\":{}},"
        case .empty: text += "\"usage\":{},"
        case .missing: break
        }
        // What was written last ends with a comma, or is the opening brace.
        segments.append(.text((text == "{" ? text : String(text.dropLast())) + "}"))
        return AnswerPieces(segments)
    }

    /// The elements of `data`, with the commas between them.
    private func items(of play: Play, _ id: String, origin: String) throws -> [AnswerPieces.Segment] {
        let script = play.script
        let seed = play.order.seed >= 0 ? play.order.seed : Int64.random(in: 0...Int64.max)
        let count = min(script.fewer ?? play.order.n, play.order.n)
        var segments: [AnswerPieces.Segment] = []
        for index in 0..<count {
            if index > 0 { segments.append(.text(",")) }
            if script.itemError, index == count - 1 {
                segments.append(
                    .text(
                        "{\"error\":{\"code\":\"sensitive_check_error\",\"message\":\"Request Moderated\","
                            + "\"param\":\"\(id)\",\"type\":\"invalid_request_error\"}}"))
                continue
            }
            let size = script.pictureSize
            let plan = PicturePlan(
                identity: play.order.identity(seed: seed, index: index), width: size.width, height: size.height,
                bytes: script.bytes, content: script.content, format: script.format)
            segments += item(
                plan, link: try link(to: plan, id, script, origin: origin), script, inlineAsked: play.order.inline)
        }
        return segments
    }

    private func item(
        _ plan: PicturePlan, link: String, _ script: Script, inlineAsked: Bool
    ) -> [AnswerPieces.Segment] {
        let inline: [AnswerPieces.Segment] = [
            .text("\"b64_json\":\"\(script.prefix.rawValue)"), .picture(plan, script.base64), .text("\""),
        ]
        let url = "\"url\":\"\(link)\""
        switch script.form {
        case .both:
            return [.text("{\(url),")] + inline + [.text("}")]
        case .asAsked where inlineAsked, .inline:
            return [.text(script.emptyOther ? "{\"url\":\"\"," : "{")] + inline + [.text("}")]
        case .asAsked, .link:
            return [.text("{\(url)\(script.emptyOther ? ",\"b64_json\":\"\"" : "")}")]
        }
    }

    private func link(to plan: PicturePlan, _ id: String, _ script: Script, origin: String) throws -> String {
        let seconds = script.linkSeconds ?? Int(configuration.linkLifetime.components.seconds)
        let target = try signer.target(
            FileLink(picture: plan, call: id, expires: time(nil) + seconds, traits: script.linkTraits))
        switch script.host {
        case .sandbox: return origin + target
        case .privateAddress: return "https://10.0.0.1\(target)"
        case .otherScheme: return "ftp://127.0.0.1\(target)"
        }
    }
}
