import FluxqImagesAPI
import FluxqModel
import NIOCore

/// An images API that answers as its seed says, and keeps books of its own of what it was asked and what it billed.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class SimulatedAPI: @unchecked Sendable {
    /// How things stand with it; they change while it runs.
    struct Weather {
        var isReachable = true
        var isAccountOpen = true
        /// Calls at once before it says "too many".
        var ceiling: Int?
        /// Nothing goes wrong any more.
        var isFair = false
    }

    /// What a seed leans to.
    struct Habits {
        let plans: [(SimulatedCall.Plan, Int)]
        let links: [(SimulatedLink.Behaviour, Int)]
        /// Milliseconds of a call, at most.
        let latency: Int
        let inlineShare: Double

        init(_ dice: Dice) {
            func lean<Kind: CaseIterable>(_ kind: Kind.Type, to usual: Kind, _ weight: Int) -> [(Kind, Int)]
            where Kind: Equatable {
                Kind.allCases.map { ($0, $0 == usual ? weight : dice.chance(0.4) ? dice.roll(1...4) : 0) }
            }
            plans = lean(SimulatedCall.Plan.self, to: .pictures, dice.pick([2, 8, 20]))
            links = lean(SimulatedLink.Behaviour.self, to: .good, dice.pick([2, 8, 20]))
            latency = dice.pick([10, 1000, 20_000, 90_000])
            inlineShare = dice.pick([0, 0.3, 1])
        }
    }

    private let clock: SimulatedClock
    private let trace: Trace
    private let dice: Dice
    private let habits: Habits
    var weather = Weather()
    private(set) var calls: [SimulatedCall] = []
    private(set) var callOfAttempt: [AttemptID: SimulatedCall] = [:]
    private(set) var links: [String: SimulatedLink] = [:]
    private(set) var downloads: Set<String> = []
    /// The life of the daemon that is connected; what an earlier one still does comes to nothing.
    var life = 0
    /// Looks up the attempt that is open for a prompt: the intent that has to be on the disk before the call.
    var openAttempt: (_ prompt: String) -> [AttemptID] = { _ in [] }
    /// Whether the daemon may hang up on a call by now.
    var mayGiveUp: () -> Bool = { true }
    /// Asked whenever a call is billed; says how often its prompt may have been billed by now.
    var billsAllowed: (SimulatedCall) -> Int = { _ in 1 }

    init(clock: SimulatedClock, trace: Trace, dice: Dice) {
        self.clock = clock
        self.trace = trace
        self.dice = dice
        habits = Habits(dice)
    }

    /// Nothing goes wrong any more, and what was promised for long can be had.
    func mend() {
        weather = Weather(isFair: true)
        let tomorrow = clock.trueTime + .seconds(86_400)
        for (link, found) in links where found.behaviour != .impossible && found.isAlive(at: tomorrow) {
            links[link] = SimulatedLink(
                behaviour: .good, contents: found.contents.isPicture ? found.contents : Contents.pictures[0],
                expires: found.expires, made: found.made, failuresLeft: 0)
        }
    }

    /// Calls of the daemon's present life that have not ended.
    var inFlight: [SimulatedCall] { calls.filter { !$0.isOver && $0.life == life } }

    /// What the daemon holds of it in one of its lives.
    func connection(life: Int) -> Connection { Connection(api: self, life: life) }

    struct Connection: ImagesAPI {
        let api: SimulatedAPI
        let life: Int

        func generate(
            _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
        ) async -> CallReport {
            await api.generate(request, picture: picture, receiver: receiver, life: life)
        }

        func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
            await api.download(link, into: sink, life: life)
        }
    }

    /// The daemon has died. What it had sent may still be worked on, and billed.
    func losePeer() {
        for call in inFlight {
            if call.isSent, isBillable(call), dice.chance(0.5) { bill(call) }
            call.isOver = true
        }
        downloads = []
    }

    // MARK: - Calls

    private func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver, life: Int
    ) async -> CallReport {
        guard life == self.life, let call = begin(request) else {
            return CallReport(outcome: .unknown(APIError(message: "the caller is dead")))
        }
        let report = await answer(call, request, picture, receiver)
        if life == self.life {
            call.report = report
            trace.say("call \(call.number) of \(call.attempt) → \(word(for: report.outcome))")
        }
        call.isOver = true
        return report
    }

    private func begin(_ request: EditRequest) -> SimulatedCall? {
        let open = openAttempt(request.prompt)
        guard let attempt = open.first, open.count == 1 else {
            trace.violate("\"\(request.prompt)\" was called with \(open.count) intents on the disk instead of one")
            return nil
        }
        guard callOfAttempt[attempt] == nil else {
            trace.violate("\(attempt) was sent twice")
            return nil
        }
        let call = SimulatedCall(
            number: calls.count + 1, attempt: attempt, prompt: request.prompt, life: life,
            plan: weather.isFair ? .pictures : dice.pick(habits.plans))
        trace.say("call \(call.number) of \(attempt) begins: \(call.plan)")
        calls.append(call)
        callOfAttempt[attempt] = call
        return call
    }

    private func answer(
        _ call: SimulatedCall, _ request: EditRequest, _ picture: (any PictureSource)?, _ receiver: any PictureReceiver
    ) async -> CallReport {
        do {
            if !weather.isReachable || call.plan == .connectionFails {
                try await clock.sleep(for: dice.pause(upTo: 10_000))
                return CallReport(outcome: .notSent(message: "connection refused"))
            }
            if let failure = await read(picture) { return failure }
            try await clock.sleep(for: dice.pause(upTo: 2000))
        } catch {
            noteHangUp(call)
            return CallReport(outcome: .notSent(message: "canceled before the request's last byte"))
        }
        guard call.life == life else { return CallReport(outcome: .notSent(message: "the caller is dead")) }
        if call.plan == .uploadFails { return CallReport(outcome: .notSent(message: "reset while sending")) }
        call.isSent = true
        let sentAt = clock.now()
        var report: CallReport
        do {
            report = try await work(call, request, receiver)
        } catch {
            if error is CancellationError { noteHangUp(call) }
            // It hung up, or could not take what came. The work goes on all the same, and may be billed.
            if call.life == life, !call.isBilled, isBillable(call), dice.chance(0.5) { bill(call) }
            report = CallReport(outcome: .unknown(APIError(message: "given up: \(type(of: error))")))
        }
        report.sentAt = sentAt
        return report
    }

    private func noteHangUp(_ call: SimulatedCall) {
        if call.life == life, !mayGiveUp() {
            trace.violate("\(call.attempt) was given up, though there was time to wait for its answer")
        }
    }

    /// Takes the request's picture, a piece at a time.
    private func read(_ picture: (any PictureSource)?) async -> CallReport? {
        guard let picture else { return nil }
        var bytes: [UInt8] = []
        do {
            while bytes.count < picture.size {
                let piece = try await picture.read(at: Int64(bytes.count), count: 1000)
                if piece.readableBytes == 0 { break }
                bytes += piece.readableBytesView
            }
        } catch {
            return CallReport(outcome: .rejected(APIError(message: "the picture cannot be read: \(error)")))
        }
        if !Contents.pictures.contains(where: { $0.bytes == bytes }) {
            trace.violate("a call carried a picture that nobody brought")
        }
        return nil
    }

    /// The call after its request has come in full. - Throws: where the caller is gone or cannot take the answer.
    private func work(
        _ call: SimulatedCall, _ request: EditRequest, _ receiver: any PictureReceiver
    ) async throws -> CallReport {
        let isClosed = !weather.isAccountOpen
        let isTooMany = weather.ceiling.map { inFlight.count(where: \.isSent) > $0 } ?? false
        let billsEarly = dice.chance(0.5)
        let isBilled = isBillable(call) && !isClosed && !isTooMany
        if isBilled, billsEarly { bill(call) }
        let isLost = call.plan == .lostBilled || call.plan == .lostUnbilled
        try await clock.sleep(for: dice.pause(upTo: isLost ? 300_000 : habits.latency))
        guard call.life == life else { throw CancellationError() }
        if isClosed {
            return report(.accountClosed(APIError(status: 401, code: "auth_error", message: "bad key")), 401)
        }
        if isTooMany {
            let wait = dice.chance(0.5) ? dice.pause(upTo: 120_000) : nil
            return report(
                .rateLimited(
                    APIError(status: 429, message: "too many"), retryAfter: wait.flatMap { $0 > .zero ? $0 : nil }),
                429)
        }
        if isBilled, !billsEarly { bill(call) }
        switch call.plan {
        case .pictures:
            let answer = try await deliver(call, request, receiver)
            return report(
                answer.items.allSatisfy { $0.link == nil && $0.inline == nil } ? .noImage(answer) : .answered(answer),
                200)
        case .nothing: return report(.noImage(Answer(items: [], excerpt: "{\"data\":[]}")), 200)
        case .rejected: return report(.rejected(APIError(status: 422, code: "param_error", message: "no")), 422)
        case .moderated:
            return report(.moderated(APIError(status: 400, code: "sensitive_check_error", message: "no")), 400)
        case .serverError: return report(.serverError(APIError(status: 500, message: "internal")), 500)
        case .lostBilled, .lostUnbilled, .connectionFails, .uploadFails:
            return CallReport(outcome: .unknown(APIError(message: "the connection was reset")))
        }
    }

    private func report(_ outcome: CallOutcome, _ status: Int) -> CallReport {
        CallReport(outcome: outcome, status: status)
    }

    private func isBillable(_ call: SimulatedCall) -> Bool {
        [.pictures, .nothing, .lostBilled].contains(call.plan)
    }

    private func bill(_ call: SimulatedCall) {
        call.isBilled = true
        trace.say("call \(call.number) of \(call.attempt) is billed")
        let bills = calls.count { $0.isBilled && $0.prompt == call.prompt }
        let allowed = billsAllowed(call)
        if bills > allowed {
            trace.violate(
                "\"\(call.prompt)\" (\(call.attempt)) was billed \(bills) times; what was asked for allows \(allowed)")
        }
    }

    /// Makes the answer's items and sends those that come inline.
    private func deliver(
        _ call: SimulatedCall, _ request: EditRequest, _ receiver: any PictureReceiver
    ) async throws -> Answer {
        let fewer = !weather.isFair && dice.chance(0.1)
        var answer = Answer(items: [])
        if dice.chance(0.7) { answer.created = clock.trueTime + .milliseconds(dice.chance(0.1) ? -90_000_000 : 0) }
        var ordinal = 0
        for index in 0..<(fewer ? dice.roll(1...request.imagesWanted) : request.imagesWanted) {
            var item = AnswerItem()
            let isInline = dice.chance(habits.inlineShare)
            if isInline {
                item.inline = ordinal
                try await send(ordinal, call, to: receiver)
                ordinal += 1
                // The answer goes on when the next picture is there.
                if dice.chance(0.5) { try await clock.sleep(for: dice.pause(upTo: habits.latency)) }
            }
            if !isInline || dice.chance(0.2) { item.link = makeLink(call, index) }
            if !weather.isFair, dice.chance(0.03) { item = AnswerItem(error: "this one failed") }
            answer.items.append(item)
        }
        return answer
    }

    private func send(_ ordinal: Int, _ call: SimulatedCall, to receiver: any PictureReceiver) async throws {
        let isBad = !weather.isFair && dice.chance(0.15)
        let contents = isBad ? dice.pick(Contents.junk) : dice.pick(Contents.pictures)
        let isBase64 = !isBad || dice.chance(0.5)
        let sink = try await receiver.beginPicture(ordinal)
        let half = contents.bytes.count / 2
        try await sink.write(ByteBuffer(bytes: contents.bytes[..<half]))
        if dice.chance(0.5) { try await clock.sleep(for: dice.pause(upTo: 1000)) }
        try await sink.write(ByteBuffer(bytes: contents.bytes[half...]))
        try await receiver.endPicture(ordinal, isValid: isBase64)
        call.inline.append(contents.hash)
        if call.life == life, isBase64, contents.isPicture { call.whole.append(contents.hash) }
    }

    // MARK: - Links

    private func makeLink(_ call: SimulatedCall, _ index: Int) -> String {
        let behaviour = weather.isFair ? .good : dice.pick(habits.links)
        let lifetime: Int? = dice.chance(0.8) ? dice.pick([90, 600, 7200, 86_400]) : nil
        let expires = lifetime.map {
            Timestamp(secondsSinceEpoch: (clock.trueTime.rawValue / 1000) + Int64($0))
        }
        let link =
            "https://files.example/\(call.number)/\(index).png"
            + (expires.map { "?Expires=\($0.rawValue / 1000)" } ?? "")
        links[link] = SimulatedLink(
            behaviour: behaviour,
            contents: behaviour == .junk ? dice.pick(Contents.junk) : dice.pick(Contents.pictures),
            expires: expires, made: clock.trueTime, failuresLeft: dice.roll(1...4))
        return link
    }

    private func download(_ link: String, into sink: any PictureSink, life: Int) async -> DownloadOutcome {
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
            case .good, .flaky, .cut, .dead, .junk: try await clock.sleep(for: dice.pause(upTo: 20_000))
            }
            guard weather.isReachable else { return .failed(message: "connection refused") }
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
            try await clock.sleep(for: dice.pause(upTo: 1000))
            try await write(found.contents.bytes[half...], to: sink)
            return .complete
        } catch is NotStored {
            return .notStored(message: "the disk is full")
        } catch {
            return .failed(message: "canceled")
        }
    }

    private struct NotStored: Error {}

    private func write(_ bytes: ArraySlice<UInt8>, to sink: any PictureSink) async throws {
        do { try await sink.write(ByteBuffer(bytes: bytes)) } catch { throw NotStored() }
    }

    private func word(for outcome: CallOutcome) -> String {
        switch outcome {
        case .answered(let answer): "answered with \(answer.items.count)"
        case .noImage: "no image"
        case .rejected: "rejected"
        case .moderated: "moderated"
        case .notSent(let message): "not sent: \(message)"
        case .accountClosed: "account closed"
        case .wrongAddress: "wrong address"
        case .rateLimited(_, let wait): "rate limited, \(wait.map { "\($0.milliseconds) ms" } ?? "no time given")"
        case .serverError: "server error"
        case .unknown(let error): "unknown: \(error.message)"
        case .webPage: "web page"
        }
    }
}
