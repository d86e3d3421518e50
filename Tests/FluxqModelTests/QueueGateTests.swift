import Testing

@testable import FluxqModel

@Suite("The queue's gate")
struct QueueGateTests {
    private let start = Timestamp(secondsSinceEpoch: 1_000_000)
    private let pauses = QueueGate.Pauses()
    private let refused = CallOutcome.accountClosed(APIError(status: 401, code: "auth_error", message: "invalid key"))

    @Test("an account that is refused holds the queue, and probes go out one at a time with growing pauses")
    func hold() throws {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        var now = start
        var last = Duration.zero
        gate.record(refused, probing: gate.hold?.since, now: now, pauses: pauses, using: &random)
        for probe in 0..<12 {
            let hold = try #require(gate.hold)
            #expect(hold.probes == probe)
            #expect(hold.since == start)
            let pause = hold.probeAt - now
            #expect(pause >= min(last, .seconds(150)) / 2 && pause <= .seconds(300))
            last = pause
            #expect(gate.admission(at: now, calling: 0) == .closed(until: hold.probeAt))
            now = hold.probeAt
            #expect(gate.admission(at: now, calling: 0) == .probe)
            #expect(gate.admission(at: now, calling: 1) == .closed(until: nil))
            gate.record(refused, probing: gate.hold?.since, now: now, pauses: pauses, using: &random)
        }
    }

    @Test("calls that were in flight when the hold began do not make its pauses grow")
    func stragglers() throws {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        gate.record(refused, probing: nil, now: start + .seconds(10), pauses: pauses, using: &random)
        let first = try #require(gate.hold)
        for _ in 0..<20 {
            gate.record(refused, probing: nil, now: start + .seconds(11), pauses: pauses, using: &random)
        }
        #expect(gate.hold == first)
    }

    @Test(
        "an answer that shows the account works opens the queue",
        arguments: [
            CallOutcome.answered(Answer(items: [.init(link: "https://x/y")])), .noImage(Answer(items: [])),
            .rejected(APIError(message: "no")), .moderated(APIError(message: "no")),
        ])
    func opening(_ outcome: CallOutcome) {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        gate.record(refused, probing: nil, now: start, pauses: pauses, using: &random)
        gate.record(outcome, probing: start, now: start + .seconds(5), pauses: pauses, using: &random)
        #expect(gate == QueueGate())
    }

    @Test("Retry-After sets the wait of everybody; a shorter one that comes later does not shorten it")
    func retryAfter() {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        let error = APIError(status: 429, message: "slow down")
        gate.record(
            .rateLimited(error, retryAfter: .seconds(30)), probing: nil, now: start, pauses: pauses, using: &random)
        gate.record(
            .rateLimited(error, retryAfter: .seconds(3)), probing: nil, now: start, pauses: pauses, using: &random)
        #expect(gate.admission(at: start + .seconds(29), calling: 0) == .closed(until: start + .seconds(30)))
        #expect(gate.admission(at: start + .seconds(30), calling: 3) == .open)
    }

    @Test("a call that was in flight when the queue closed does not open it by succeeding")
    func overlappingSuccess() throws {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        let error = APIError(status: 429, message: "slow down")
        let answered = CallOutcome.answered(Answer(items: []))
        let later = start + .seconds(60)
        gate.record(
            .rateLimited(error, retryAfter: .seconds(60)), probing: nil, now: start, pauses: pauses, using: &random)
        gate.record(answered, probing: nil, now: start + .seconds(2), pauses: pauses, using: &random)
        #expect(gate.rateLimit?.until == later)
        gate.record(refused, probing: nil, now: later, pauses: pauses, using: &random)
        gate.record(answered, probing: nil, now: later + .seconds(1), pauses: pauses, using: &random)
        #expect(gate.hold?.cause == .account)
    }

    @Test("a resume by hand ends a pause and a rate limit, and has a hold probed at once, alone")
    func resume() throws {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        gate.record(refused, probing: nil, now: start, pauses: pauses, using: &random)
        gate.pause = .init(since: start, uid: 0)
        gate.rateLimit = .init(since: start, until: start + .seconds(3600))
        let now = start + .seconds(1)
        #expect(gate.admission(at: now, calling: 0) == .closed(until: nil))
        gate.resume(at: now)
        #expect(gate.admission(at: now, calling: 0) == .probe)
        #expect(gate.admission(at: now, calling: 1) == .closed(until: nil))
        #expect(gate.hold?.since == start)
    }

    @Test("a clock that is set back ends no hold, keeps no probe waiting, and lets the probe's answer count")
    func clockSetBack() throws {
        var gate = QueueGate()
        var random = SystemRandomNumberGenerator()
        gate.record(refused, probing: nil, now: start, pauses: pauses, using: &random)
        let earlier = start + .seconds(-7 * 86_400)
        #expect(gate.admission(at: earlier, calling: 0) == .probe)
        #expect(gate.opens(after: earlier) == nil)
        gate.record(refused, probing: start, now: earlier, pauses: pauses, using: &random)
        let hold = try #require(gate.hold)
        #expect(hold.since == start && hold.probes == 1 && hold.probeAt < earlier + .seconds(11))
        #expect(gate.admission(at: earlier, calling: 0) == .closed(until: hold.probeAt))
        gate.record(
            .rejected(APIError(message: "no")), probing: start, now: hold.probeAt, pauses: pauses, using: &random)
        #expect(gate.hold == nil)

        gate.rateLimit = .init(since: start, until: start + .seconds(60))
        #expect(gate.admission(at: start + .seconds(-1), calling: 0) == .open)
        gate.spacing = .init(interval: .seconds(10), lastCallAt: start)
        gate.rateLimit = nil
        #expect(gate.admission(at: start + .seconds(-1), calling: 0) == .open)
    }

    @Test("a fixed rate spaces calls evenly, probes included, and is named as what keeps a job")
    func spacing() {
        var gate = QueueGate(spacing: .init(interval: .seconds(2), lastCallAt: nil))
        #expect(gate.admission(at: start, calling: 0) == .open)
        gate.spacing?.lastCallAt = start
        let next = start + .seconds(2)
        #expect(gate.admission(at: start + .milliseconds(1999), calling: 0) == .closed(until: next))
        let limit = LimitReached(kind: .imagesPerDay, limit: 4, used: 4, asked: 1)
        #expect(gate.waiting(notBefore: nil, afterBackoff: false, limit: limit, now: start) == .userLimit)
        #expect(gate.waiting(notBefore: nil, afterBackoff: false, now: start) == .rateLimited)
        #expect(gate.admission(at: next, calling: 0) == .open)
        #expect(gate.waiting(notBefore: nil, afterBackoff: false, now: next) == .ready)
        gate.hold = .init(cause: .unreachable, since: start, message: "", probes: 0, probeAt: start)
        #expect(gate.admission(at: start + .seconds(1), calling: 0) == .closed(until: next))
        #expect(gate.admission(at: next, calling: 0) == .probe)
    }

    @Test("what keeps everybody is named before what keeps one job")
    func waiting() {
        let later = start + .seconds(60)
        var gate = QueueGate()
        #expect(gate.waiting(notBefore: nil, afterBackoff: false, now: start) == .ready)
        #expect(gate.waiting(notBefore: later, afterBackoff: false, now: start) == .scheduled)
        #expect(gate.waiting(notBefore: later, afterBackoff: true, now: start) == .backoff)
        #expect(gate.waiting(notBefore: later, afterBackoff: true, now: later) == .ready)
        gate.rateLimit = .init(since: start, until: later)
        #expect(gate.waiting(notBefore: later, afterBackoff: true, now: start) == .rateLimited)
        gate.hold = .init(cause: .unreachable, since: start, message: "", probes: 0, probeAt: later)
        #expect(gate.waiting(notBefore: later, afterBackoff: true, now: start) == .held)
        gate.pause = .init(since: start, uid: 0)
        #expect(gate.waiting(notBefore: later, afterBackoff: true, now: start) == .paused)
    }
}
