import FluxqImagesAPI
import FluxqModel
import NIOCore

/// The contents of answers: inline pictures and links with their targets.
extension SimulatedAPI {
    /// Creates the answer's items and sends the inline ones.
    func deliver(
        _ call: SimulatedCall, _ request: EditRequest, _ receiver: any PictureReceiver
    ) async throws -> Answer {
        let isSloppy = !isFair && scene.habits.isSloppy
        let fewer = isSloppy && dice.chance(0.1)
        var answer = Answer(items: [])
        if dice.chance(0.7) { answer.created = clock.trueTime + .milliseconds(dice.chance(0.1) ? -90_000_000 : 0) }
        var ordinal = 0
        for index in 0..<(fewer ? dice.roll(1...request.imagesWanted) : request.imagesWanted) {
            var item = AnswerItem()
            let isInline = comesInline(call)
            if isInline {
                item.inline = ordinal
                try await send(ordinal, call, to: receiver)
                ordinal += 1
                // The answer continues when the next picture is ready.
                if !scene.habits.isSteady, dice.chance(0.5) {
                    try await clock.sleep(for: dice.pause(upTo: scene.habits.latency))
                }
            }
            if !isInline || isSloppy && dice.chance(0.2) { item.link = makeLink(call, index) }
            if isSloppy, dice.chance(0.03) { item = AnswerItem(error: "this one failed") }
            answer.items.append(item)
        }
        return answer
    }

    private func comesInline(_ call: SimulatedCall) -> Bool {
        if call.plan == .junk { return true }
        // A picture that must be fetched cannot come inline.
        if call.plan == .deadLinks || call.cause == .outage(.deadLinks) { return false }
        return dice.chance(scene.habits.inlineShare)
    }

    private func send(_ ordinal: Int, _ call: SimulatedCall, to receiver: any PictureReceiver) async throws {
        let isBad = call.plan == .junk || !isFair && scene.habits.isSloppy && dice.chance(0.15)
        let contents = isBad ? dice.pick(Contents.junk) : dice.pick(Contents.pictures)
        let isBase64 = !isBad || dice.chance(0.5)
        let sink = try await receiver.beginPicture(ordinal)
        let half = contents.bytes.count / 2
        try await sink.write(ByteBuffer(bytes: contents.bytes[..<half]))
        if !scene.habits.isSteady, dice.chance(0.5) { try await clock.sleep(for: dice.pause(upTo: 1000)) }
        try await sink.write(ByteBuffer(bytes: contents.bytes[half...]))
        try await receiver.endPicture(ordinal, isValid: isBase64)
        call.inline.append(contents.hash)
        if call.life == life, isBase64, contents.isPicture { call.whole.append(contents.hash) }
    }

    private func makeLink(_ call: SimulatedCall, _ index: Int) -> String {
        let behaviour: SimulatedLink.Behaviour =
            switch call.plan {
            case .deadLinks: dice.pick([.dead, .refused])
            case _ where isFair: .good
            default: dice.pick(scene.habits.links)
            }
        let lifetime: Int? = dice.chance(0.8) ? dice.pick([90, 600, 7200, 86_400]) : nil
        let expires = scene.kind == .storm ? lifetime.map { clock.trueTime.atWholeSecond + .seconds($0) } : nil
        let link =
            "https://files.example/\(call.number)/\(index).png"
            + (expires.map { "?Expires=\($0.rawValue / 1000)" } ?? "")
        links[link] = SimulatedLink(
            call: call.number, lane: call.lane, behaviour: behaviour,
            contents: behaviour == .junk ? dice.pick(Contents.junk) : dice.pick(Contents.pictures),
            expires: expires, made: clock.trueTime, failuresLeft: dice.roll(1...4))
        return link
    }

    func download(_ link: String, into sink: any PictureSink, life: Int) async -> DownloadOutcome {
        guard life == self.life else { return .failed(message: "the caller is dead") }
        guard let found = links[link] else {
            trace.violate("\(link) was fetched, but no answer had it")
            return .failed(message: "404")
        }
        guard downloads.insert(link).inserted else {
            trace.violate("\(link) was fetched twice at once")
            return .failed(message: "twice")
        }
        let outcome = await serve(link, found, into: sink, life: life)
        if life == self.life {
            downloads.remove(link)
            trace.say("download \(link) (\(found.behaviour)) → \(outcome)")
            // A download that fluxq breaks off itself says nothing about the link.
            if outcome != .failed(message: Self.brokenOff) { noteDownload(of: found, outcome) }
        }
        return outcome
    }

    private func serve(
        _ link: String, _ found: SimulatedLink, into sink: any PictureSink, life: Int
    ) async -> DownloadOutcome {
        do {
            switch found.behaviour {
            case .impossible: return .impossible(message: "ftp is no scheme for a link")
            case .refused: return .refused(message: "the host is private; trust it to fetch from it")
            case .good, .flaky, .cut, .dead, .junk:
                try await clock.sleep(for: scene.habits.isSteady ? .milliseconds(100) : dice.pause(upTo: 20_000))
            }
            switch weather[found.lane]?.outage {
            case .noNetwork: return .failed(message: "connection refused")
            case .deadLinks where found.call % 2 == 0: return .refused(message: "the name is 198.18.0.7")
            case .deadLinks: return .failed(message: "connection reset")
            default: break
            }
            guard found.isAlive(at: clock.trueTime) else { return .failed(message: "HTTP 403: expired") }
            if found.behaviour == .dead { return .failed(message: "HTTP 404") }
            let half = found.contents.bytes.count / 2
            if found.failuresLeft > 0, found.behaviour == .flaky || found.behaviour == .cut {
                if life == self.life { links[link]?.failuresLeft -= 1 }
                if found.behaviour == .flaky { return .failed(message: "HTTP 503") }
                try await write(found.contents.bytes[..<half], to: sink)
                return .failed(message: "broke off in the middle")
            }
            try await write(found.contents.bytes[..<half], to: sink)
            if !scene.habits.isSteady { try await clock.sleep(for: dice.pause(upTo: 1000)) }
            try await write(found.contents.bytes[half...], to: sink)
            return .complete
        } catch is NotStored {
            return .notStored(message: "the disk is full")
        } catch {
            return .failed(message: Self.brokenOff)
        }
    }

    private static let brokenOff = "canceled"

    private struct NotStored: Error {}

    private func write(_ bytes: ArraySlice<UInt8>, to sink: any PictureSink) async throws {
        do { try await sink.write(ByteBuffer(bytes: bytes)) } catch { throw NotStored() }
    }
}

extension Timestamp {
    fileprivate var atWholeSecond: Timestamp { Timestamp(secondsSinceEpoch: rawValue / 1000) }
}
