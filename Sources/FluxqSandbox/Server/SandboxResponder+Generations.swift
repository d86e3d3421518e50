import FluxqFormats
import FluxqHost
import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore

/// `POST /v1/images/generations`: a call is read, judged, recorded in the ledger, and only then played.
extension SandboxResponder {
    /// A valid call and its script.
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
            // The picture or the ledger could not be written. The client must not get an answer.
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
            let script = try script(for: order, hangup)
            if script.isStrict, let field = ImageOrder.fieldUnknownToOpenAI(in: received) {
                throw .unknownParameter(field)
            }
            return .success(Play(order: order, script: script))
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

    /// The meaning of the text before the picture for `sandbox:hangup`.
    private enum EarlyHangup {
        case notAsked, due
        /// The calls of `sandbox:times` are used up.
        case over
    }

    private func earlyHangup(before picture: [UInt8]) -> EarlyHangup {
        let text = String(decoding: picture, as: UTF8.self)
        guard text.contains("sandbox:hangup") else { return .notAsked }
        // The text after the name `image` differs between calls, so only the text before it serves as the key.
        let head = text.firstRange(of: "\"image\"").map { text[..<$0.lowerBound] } ?? text[...]
        do throws(WordError) {
            let script = try SpokenWords(in: head.split(separator: "\"").joined(separator: " ")).script
            guard script.outcome == .hangup else { return .notAsked }
            guard let times = script.times, calls.next(String(head)) > times else { return .due }
            return .over
        } catch {
            // Reading the whole request reports the error.
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

    /// Polls, because any process may create the file.
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
        let type = play.script.events == nil ? "application/json" : "text/event-stream"
        switch play.script.outcome {
        case .answer(let status):
            var pieces = try answer(to: play, id, arrival, origin: Self.origin(channel))
            if let coding = play.script.coding {
                return try await send(coded: pieces.all(), coding, type: type, status: status, headers, to: writer)
            }
            try await send(&pieces, count: pieces.count, type: type, status: status, headers: headers, to: writer)
        case .truncated:
            var pieces = try answer(to: play, id, arrival, origin: Self.origin(channel))
            try await send(
                &pieces, count: pieces.count, type: type, status: 200, headers: headers, breakingOff: true, to: writer)
        case .cut(let cut):
            let pieces = try answer(to: play, id, arrival, origin: Self.origin(channel))
            try await send(pieces, cut, type: type, headers, writer, channel)
        case .picture:
            var bytes = ResultBytes(plan(of: play, index: 0, seed: max(play.order.seed, 0)), inline: false)
            try await send(&bytes, count: bytes.count, type: "image/png", status: 200, headers: headers, to: writer)
        case .task(let status):
            try await send(
                .object(["id": .string(id), "status": .string("queued")]), status: status, headers: headers, to: writer)
        case .flag(let flag):
            try await send(Array(flag.json.utf8), type: type, status: 200, headers: headers, to: writer)
        case .bare(let status):
            try await send([], type: "text/plain", status: status, headers: headers, to: writer)
        case .refuse(let error, let retryAfter):
            if let shouldRetry = play.script.shouldRetry, let name = HTTPField.Name("x-should-retry") {
                headers[name] = "\(shouldRetry)"
            }
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

    /// Sends a good answer that ends too early.
    private func send(
        _ pieces: AnswerPieces, _ cut: Script.Cut, type: String, _ headers: HTTPFields,
        _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        var pieces = pieces
        func end(of item: Int) -> Int { item < 1 ? 0 : pieces.itemEnds[min(item, pieces.itemEnds.count) - 1] }
        let sent: Int
        switch cut {
        case .inItem(let item): sent = (end(of: item - 1) + end(of: item)) / 2
        case .stallAfter(let items): sent = end(of: items)
        case .lastChunk: sent = pieces.count
        case .lastBytes: sent = pieces.count - 2
        }
        var headers = headers
        headers[.contentType] = type
        switch cut {
        case .inItem, .stallAfter: headers[.contentLength] = "\(pieces.count)"
        case .lastBytes: headers[.contentLength] = "\(sent)"
        // Without a length it is sent in chunks.
        case .lastChunk: break
        }
        var body = try await writer.writeHead(HTTPResponse(status: .ok, headerFields: headers))
        var remaining = sent
        while remaining > 0, let piece = pieces.next() {
            try await body.write(ByteBuffer(bytes: piece.prefix(remaining)))
            remaining -= piece.count
        }
        switch cut {
        case .inItem, .lastChunk: throw BrokenOff()
        case .stallAfter:
            try await channel.closeFuture.get()
            throw BrokenOff()
        case .lastBytes: try await body.finish(nil)
        }
    }

    private func send(
        coded bytes: [UInt8], _ coding: Script.Coding, type: String, status: Int, _ headers: HTTPFields,
        to writer: consuming ResponseWriter
    ) async throws {
        var headers = headers
        var bytes = bytes
        for format in coding.applied { bytes = try Deflater.compress(bytes, as: format) }
        // The part before the damage decodes to a beginning of the answer.
        if coding.isBroken {
            bytes.replaceSubrange(bytes.count * 3 / 4..<bytes.count * 3 / 4 + 8, with: repeatElement(0xFF, count: 8))
        }
        headers[.contentEncoding] = coding.said
        try await send(bytes, type: type, status: status, headers: headers, to: writer)
    }

    private func answer(
        to play: Play, _ id: String, _ arrival: Arrival, origin: String
    ) throws -> AnswerPieces {
        let script = play.script
        let items = script.dataField == .pictures ? try items(of: play, id, origin: origin) : []
        let whole = body(of: script, items, arrival)
        switch (script.events, script.wrapping) {
        case (.previews?, _):
            var segments: [AnswerPieces.Segment] = [.text(": keep-alive\n\n")]
            for index in 0..<items.count {
                let plan = plan(of: play, index: index, seed: max(play.order.seed, 0))
                segments += [0, 1].flatMap { preview(plan, number: $0) }
                segments.append(
                    .text("event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\","))
                let isInline = isInline(script, asked: play.order.inline)
                segments.append(.text(isInline ? "\"b64_json\":" : "\"url\":"))
                segments += value(
                    plan, link: try link(to: plan, id, script, origin: origin), script, isInline: isInline)
                segments += [.itemEnd, .text(",\"created_at\":\(arrival.unixSeconds)}\n\n")]
            }
            return AnswerPieces(segments + [.text("data: [DONE]\n\n")])
        case (.whole?, _):
            return AnswerPieces([.text("data: ")] + whole + [.text("\n\ndata: [DONE]\n\n")])
        case (.split?, _):
            let lines = whole.map { segment in
                if case .text(let text) = segment {
                    AnswerPieces.Segment.text(text.replacing(",\"", with: ",\ndata: \""))
                } else {
                    segment
                }
            }
            return AnswerPieces([.text("event: message\ndata: ")] + lines + [.text("\n\n")])
        case (.error?, _):
            let error = VendorError.param("Request Moderated", code: "sensitive_check_error")
            return AnswerPieces([
                .text(
                    "event: error\ndata: {\"type\":\"error\",\"code\":\"\(error.code)\",\"message\":\"\(error.message)\"}\n\n"
                )
            ])
        case (nil, .spaces?): return AnswerPieces([.text(String(repeating: " \n", count: 2000))] + whole)
        case (nil, .bom?): return AnswerPieces([.text("\u{FEFF}")] + whole)
        case (nil, .trailing?): return AnswerPieces(whole + [.text("\n<!-- answered by gateway 7 -->\n")])
        case (nil, .notice?):
            return AnswerPieces([.text("Notice: Undefined index: user in /srv/api.php on line 7\n")] + whole)
        case (nil, .lines?):
            return AnswerPieces(items.flatMap { body(of: script, [$0], arrival) + [.text("\n")] })
        case (nil, nil): return AnswerPieces(whole)
        }
    }

    /// The JSON of an answer with these items.
    private func body(
        of script: Script, _ items: [[AnswerPieces.Segment]], _ arrival: Arrival
    ) -> [AnswerPieces.Segment] {
        let frame = script.shape?.frame
        if script.shape == .list {
            return [.text("[")] + Array(items.joined(separator: [.text(",")])) + [.text("]")]
        }
        var text = "{"
        switch script.created {
        case .number: text += "\"created\":\(arrival.unixSeconds),"
        case .string: text += "\"created\":\"\(arrival.unixSeconds)\","
        case .missing: break
        }
        var segments: [AnswerPieces.Segment] = []
        switch script.dataField {
        case .pictures:
            segments.append(.text(text + (frame?.open ?? "\"data\":[")))
            let shown = script.shape?.isSingle == true ? Array(items.prefix(1)) : items
            segments += shown.joined(separator: [.text(",")])
            text = (frame?.close ?? "]") + ","
        case .empty: text += "\"data\":[],"
        case .null: text += "\"data\":null,"
        case .missing: break
        }
        switch script.usage {
        case .full: text += "\"usage\":{\"input_tokens_details\":{}},"
        case .empty: text += "\"usage\":{},"
        case .missing: break
        }
        // The last text ends with a comma, or is the opening brace.
        segments.append(.text((text == "{" ? text : String(text.dropLast())) + "}"))
        return segments
    }

    private func plan(of play: Play, index: Int, seed: Int64) -> PicturePlan {
        let script = play.script
        let size = script.pictureSize
        return PicturePlan(
            identity: play.order.identity(seed: seed, index: index), width: size.width, height: size.height,
            bytes: script.bytes, content: script.content, format: script.format)
    }

    /// One event with a small preview picture.
    private func preview(_ plan: PicturePlan, number: Int) -> [AnswerPieces.Segment] {
        let small = PicturePlan(identity: plan.identity, width: 8, height: 8, bytes: nil, content: .whole)
        return [
            .text(
                "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\","
                    + "\"partial_image_index\":\(number),\"b64_json\":\""),
            .picture(small, Base64Form()), .text("\"}\n\n"),
        ]
    }

    /// The pictures, each as one JSON value.
    private func items(of play: Play, _ id: String, origin: String) throws -> [[AnswerPieces.Segment]] {
        let script = play.script
        let seed = play.order.seed >= 0 ? play.order.seed : Int64.random(in: 0...Int64.max)
        let count = min(script.fewer ?? play.order.n, play.order.n)
        return try (0..<count).map { index in
            if let code = script.itemError, index == count - 1 {
                return [
                    .text(
                        "{\"error\":{\"code\":\"\(code)\",\"message\":\"Request Moderated\","
                            + "\"param\":\"\(id)\",\"type\":\"invalid_request_error\"}}"),
                    .itemEnd,
                ]
            }
            let plan = plan(of: play, index: index, seed: seed)
            var one = script
            one.base64.hasWrongLetter = script.wrongLetter && index == 0
            return item(
                plan, link: try link(to: plan, id, script, origin: origin), one, inlineAsked: play.order.inline)
                + [.itemEnd]
        }
    }

    private func isInline(_ script: Script, asked: Bool) -> Bool {
        script.form == .inline || script.form == .asAsked && asked
    }

    /// A picture or its link as a JSON string.
    private func value(
        _ plan: PicturePlan, link: String, _ script: Script, isInline: Bool
    ) -> [AnswerPieces.Segment] {
        isInline
            ? [.text("\"\(script.prefix.rawValue)"), .picture(plan, script.base64), .text("\"")]
            : [.text("\"\(link)\"")]
    }

    private func item(
        _ plan: PicturePlan, link: String, _ script: Script, inlineAsked: Bool
    ) -> [AnswerPieces.Segment] {
        if let frame = script.shape?.frame {
            let isInline = isInline(script, asked: inlineAsked) || script.shape == .artifacts || script.shape == .parts
            return [.text(frame.item.0)] + value(plan, link: link, script, isInline: isInline) + [.text(frame.item.1)]
        }
        let inline = [.text("\"b64_json\":")] + value(plan, link: link, script, isInline: true)
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
            FileLink(
                picture: plan, call: id, expires: HostClock.wallSeconds() + seconds, traits: script.linkTraits))
        switch script.host {
        case .sandbox:
            let written = signer.written(target)
            switch script.relativeLink {
            case .path: return written
            case .scheme: return origin.drop { $0 != "/" } + written
            case nil: return origin + written
            }
        case .privateAddress: return "https://10.0.0.1\(target)"
        case .otherScheme: return "ftp://127.0.0.1\(target)"
        }
    }
}
