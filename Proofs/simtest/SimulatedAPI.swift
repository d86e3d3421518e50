import FluxqImagesAPI
import FluxqModel
import FluxqTestSupport
import FluxqWords
import NIOCore

/// An images API that answers as its seed determines, and records its own requests and bills.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class SimulatedAPI: @unchecked Sendable {
    /// The condition of a lane; it changes during a run.
    struct Weather: Hashable {
        var outage: Outage?
        /// The number of concurrent calls above which it answers "too many".
        var ceiling: Int?
    }

    let clock: SimulatedClock
    let trace: Trace
    let dice: Dice
    let scene: Scene
    private(set) var weather: [Lane: Weather] = [:]
    /// True if nothing fails any more.
    private(set) var isFair = false
    private(set) var calls: [SimulatedCall] = []
    private(set) var callOfAttempt: [AttemptID: SimulatedCall] = [:]
    /// The answers to fluxq about each lane.
    private(set) var logs: [Lane: LaneLog] = [:]
    /// The time when the latest call of each lane began.
    private(set) var lastBegun: [Lane: Int64] = [:]
    private var unfinished: [SimulatedCall] = []
    var links: [String: SimulatedLink] = [:]
    var downloads: Set<String> = []
    /// The connected life of the daemon. Actions of an earlier one have no effect.
    var life = 0
    /// Finds the attempt that is open for a prompt: the intent that must be on the disk before the call.
    var openAttempt: (_ prompt: String) -> [AttemptID] = { _ in [] }
    /// The owner of the job with that prompt, and the way in which it fails, if it always does.
    var order: (_ prompt: String) -> (owner: UInt32, way: Hostility?) = { _ in (0, nil) }
    /// Called for every call that begins.
    var begun: (SimulatedCall) -> Void = { _ in }
    /// True if the daemon may break off a call now.
    var mayGiveUp: () -> Bool = { true }
    /// True if the jobs with these prompts are for the same wishes.
    var isSame: (_ first: String, _ second: String) -> Bool = { $0 == $1 }
    /// Called whenever a call is billed. Returns how often its wish may have been billed by now.
    var billsAllowed: (SimulatedCall) -> Int = { _ in 1 }

    init(clock: SimulatedClock, trace: Trace, dice: Dice, scene: Scene) {
        self.clock = clock
        self.trace = trace
        self.dice = dice
        self.scene = scene
        for lane in scene.catalog.lanes { weather[lane] = Weather(ceiling: lane == Scene.small ? 0 : nil) }
    }

    var lanes: [Lane] { scene.catalog.lanes }

    /// True if every call on the lane is served.
    func works(_ lane: Lane) -> Bool {
        guard let weather = weather[lane] else { return false }
        return weather.outage == nil && weather.ceiling == nil && (isFair || scene.kind != .storm)
    }

    func log(of lane: Lane) -> LaneLog { logs[lane] ?? LaneLog() }

    func turn(_ lane: Lane, to outage: Outage?) {
        weather[lane]?.outage = outage
        trace.say("\(lane): \(outage?.rawValue ?? "works")")
    }

    func limit(_ lane: Lane, to ceiling: Int?) {
        weather[lane]?.ceiling = ceiling
        trace.say("\(lane): \(ceiling.map { "\($0) calls at once" } ?? "any number of calls")")
    }

    /// Ends all failures. Links that should have lived longer work again.
    func mend() {
        isFair = true
        for lane in lanes { weather[lane] = Weather() }
        let tomorrow = clock.trueTime + .seconds(86_400)
        for (link, found) in links where found.behaviour != .impossible && found.isAlive(at: tomorrow) {
            links[link] = found.mended
        }
    }

    /// Calls of the daemon's current life that have not ended.
    var inFlight: [SimulatedCall] { unfinished.filter { !$0.isOver && $0.life == life } }

    /// The API as one life of the daemon uses it, for one endpoint.
    func connection(life: Int, endpoint: String) -> Connection { Connection(api: self, life: life, endpoint: endpoint) }

    struct Connection: ImagesAPI {
        let api: SimulatedAPI
        let life: Int
        let endpoint: String

        func generate(
            _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
        ) async -> CallReport {
            await api.generate(request, endpoint, picture: picture, receiver: receiver, life: life)
        }

        func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
            await api.download(link, into: sink, life: life)
        }
    }

    /// True if a call has been answered and its end is not recorded yet.
    func hasUnrecorded(_ lane: Lane) -> Bool {
        calls.contains { $0.lane == lane && $0.life == life && $0.endedAt != nil && !$0.isRecorded }
    }

    /// Notes that the daemon has died. The calls that it had sent may still be processed and billed.
    func losePeer() {
        for lane in lanes {
            let unrecorded = calls.filter { $0.lane == lane && $0.life == life && !$0.isRecorded }.map(\.number)
            logs[lane]?.losePeer(
                unrecorded: Set(unrecorded), hadCalls: inFlight.contains { $0.lane == lane }, at: clock.elapsed)
        }
        for call in inFlight {
            if call.isSent, call.isBillable, dice.chance(0.5) { bill(call) }
            call.isOver = true
        }
        unfinished = []
        downloads = []
    }

    // MARK: - Calls

    private func generate(
        _ request: EditRequest, _ endpoint: String, picture: (any PictureSource)?, receiver: any PictureReceiver,
        life: Int
    ) async -> CallReport {
        guard life == self.life, let call = begin(request, endpoint) else {
            return CallReport(outcome: .unknown(APIError(message: "the caller is dead")))
        }
        let report = await answer(call, request, picture, receiver)
        if life == self.life {
            call.report = report
            call.endedAt = clock.elapsed
            trace.say("call \(call.number) of \(call.attempt) → \(report.outcome.words)")
            logs[call.lane, default: LaneLog()].note(call, at: clock.elapsed)
        }
        call.isOver = true
        unfinished.removeAll { $0 === call }
        return report
    }

    private func begin(_ request: EditRequest, _ endpoint: String) -> SimulatedCall? {
        let lane = scene.lane(of: request.model)
        if endpoint != lane.endpoint {
            trace.violate("\"\(request.prompt)\" of \(lane) was called at \(endpoint)")
        }
        let open = openAttempt(request.prompt)
        guard let attempt = open.first, open.count == 1 else {
            trace.violate("\"\(request.prompt)\" was called with \(open.count) intents on the disk instead of one")
            return nil
        }
        guard callOfAttempt[attempt] == nil else {
            trace.violate("\(attempt) was sent twice")
            return nil
        }
        let (owner, way) = order(request.prompt)
        let plan: SimulatedCall.Plan
        let cause: SimulatedCall.Cause
        if isFair {
            (plan, cause) = (.pictures, .chance)
        } else if let outage = weather[lane]?.outage {
            (plan, cause) = (outage.plan, .outage(outage))
        } else if let way {
            (plan, cause) = (way.plan, .hostility(way))
        } else {
            (plan, cause) = (dice.pick(scene.habits.plans), .chance)
        }
        let call = SimulatedCall(
            number: calls.count + 1, attempt: attempt, prompt: request.prompt, owner: owner, lane: lane, life: life,
            plan: plan, cause: cause, begunAt: clock.elapsed)
        trace.say("call \(call.number) of \(attempt) on \(lane) begins: \(plan) by \(cause)")
        calls.append(call)
        unfinished.append(call)
        lastBegun[lane] = clock.elapsed
        begun(call)
        callOfAttempt[attempt] = call
        return call
    }

    /// Delays the request, unless all calls take the same time.
    private func dawdle(upTo milliseconds: Int) async throws {
        if !scene.habits.isSteady { try await clock.sleep(for: dice.pause(upTo: milliseconds)) }
    }

    private func takeTime(of call: SimulatedCall) async throws {
        if scene.habits.isSteady { return try await clock.sleep(for: .milliseconds(scene.habits.latency)) }
        let isLost = call.plan == .lostBilled || call.plan == .lostUnbilled
        try await clock.sleep(for: dice.pause(upTo: isLost ? 300_000 : scene.habits.latency))
    }

    private func answer(
        _ call: SimulatedCall, _ request: EditRequest, _ picture: (any PictureSource)?, _ receiver: any PictureReceiver
    ) async -> CallReport {
        do {
            if call.plan == .connectionFails {
                try await dawdle(upTo: 10_000)
                return CallReport(outcome: .notSent(message: "connection refused"))
            }
            if let failure = await read(picture) { return failure }
            try await dawdle(upTo: 2000)
            if call.plan == .uploadFails, scene.habits.isSteady { try await takeTime(of: call) }
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
            // The caller hung up, or could not store the pictures. The API continues, and may bill the call.
            if call.life == life, !call.isBilled, call.isBillable, dice.chance(0.5) { bill(call) }
            report = CallReport(outcome: .unknown(APIError(message: "given up: \(type(of: error))")))
        }
        report.sentAt = sentAt
        return report
    }

    private func noteHangUp(_ call: SimulatedCall) {
        call.isGivenUp = true
        if call.life == life, !mayGiveUp() {
            trace.violate("\(call.attempt) was given up, though there was time to wait for its answer")
        }
    }

    /// Reads the request's picture in pieces.
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

    /// Processes the call after its request has been received completely. - Throws: if the caller is gone or cannot
    /// store the answer.
    private func work(
        _ call: SimulatedCall, _ request: EditRequest, _ receiver: any PictureReceiver
    ) async throws -> CallReport {
        let present = inFlight.count { $0.isSent && $0.lane == call.lane }
        call.isTooMany = call.plan.isAnswer && weather[call.lane]?.ceiling.map { present > $0 } ?? false
        let billsEarly = dice.chance(0.5)
        let isBilled = call.isBillable && !call.isTooMany
        if isBilled, billsEarly { bill(call) }
        try await takeTime(of: call)
        guard call.life == life else { throw CancellationError() }
        if call.isTooMany {
            let wait = dice.chance(0.5) ? dice.pause(upTo: 120_000) : nil
            return tooMany(wait.flatMap { $0 > .zero ? $0 : nil })
        }
        if isBilled, !billsEarly { bill(call) }
        switch call.plan {
        case .pictures, .junk, .deadLinks:
            let answer = try await deliver(call, request, receiver)
            return report(
                answer.items.allSatisfy { $0.link == nil && $0.inline == nil } ? .noImage(answer) : .answered(answer),
                200)
        case .nothing: return report(.noImage(Answer(items: [], excerpt: "{\"data\":[]}")), 200)
        case .rejected: return report(.rejected(APIError(status: 422, code: "param_error", message: "no")), 422)
        case .moderated:
            return report(.moderated(APIError(status: 400, code: "sensitive_check_error", message: "no")), 400)
        case .serverError: return report(.serverError(APIError(status: 500, message: "internal")), 500)
        case .refused(let status, let code):
            return report(.accountClosed(APIError(status: status, code: code, message: "not you")), status)
        case .wrongAddress(let status):
            return report(.wrongAddress(APIError(status: status, message: "nothing here")), status)
        case .webPage: return report(.webPage(APIError(status: 200, message: "a web page")), 200)
        case .gatewayFails(let status):
            return report(.unknown(APIError(status: status, message: "bad gateway")), status)
        case .tooMany(let wait): return tooMany(wait)
        case .lostBilled, .lostUnbilled, .connectionFails, .uploadFails:
            return CallReport(outcome: .unknown(APIError(message: "the connection was reset")))
        }
    }

    private func tooMany(_ wait: Duration?) -> CallReport {
        report(.rateLimited(APIError(status: 429, message: "too many"), retryAfter: wait), 429)
    }

    private func report(_ outcome: CallOutcome, _ status: Int) -> CallReport {
        CallReport(outcome: outcome, status: status)
    }

    private func bill(_ call: SimulatedCall) {
        call.isBilled = true
        trace.say("call \(call.number) of \(call.attempt) is billed")
        let bills = calls.count { $0.isBilled && isSame(call.prompt, $0.prompt) }
        let allowed = billsAllowed(call)
        if bills > allowed {
            trace.violate(
                "\"\(call.prompt)\" (\(call.attempt)) was billed \(bills) times; what was asked for allows \(allowed)")
        }
    }

    func noteDownload(of link: SimulatedLink, _ outcome: DownloadOutcome) {
        switch outcome {
        case .complete where link.contents.isPicture:
            logs[link.lane, default: LaneLog()].noteDownload(at: clock.elapsed)
        // The caller's disk failed.
        case .complete, .notStored: break
        default:
            logs[link.lane, default: LaneLog()].noteUndelivered(of: link.call, at: clock.elapsed)
            if weather[link.lane]?.outage == .deadLinks {
                logs[link.lane, default: LaneLog()].noteFailedDownload(of: calls[link.call - 1])
            }
        }
    }
}

extension SimulatedCall.Plan {
    /// True if the API itself answers, so that it may answer "too many" instead.
    fileprivate var isAnswer: Bool {
        switch self {
        case .refused, .wrongAddress, .webPage, .gatewayFails, .tooMany, .connectionFails, .uploadFails: false
        default: true
        }
    }
}

extension CallOutcome {
    fileprivate var words: String {
        switch self {
        case .answered(let answer): "answered with \(answer.items.count)"
        case .noImage: "no image"
        case .rejected: "rejected"
        case .moderated: "moderated"
        case .notSent(let message): "not sent: \(message.words)"
        case .accountClosed: "account closed"
        case .wrongAddress: "wrong address"
        case .rateLimited(_, let wait): "rate limited, \(wait.map { "\($0.milliseconds) ms" } ?? "no time given")"
        case .serverError: "server error"
        case .unknown(let error): "unknown: \(error.message.words)"
        case .webPage: "web page"
        }
    }
}
