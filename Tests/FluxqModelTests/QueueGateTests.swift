import FluxqTestSupport
import Testing

@testable import FluxqModel

@Suite("Why a queued job waits")
struct QueueGateTests {
    private let start = Timestamp(secondsSinceEpoch: 1_000_000)
    private let party = LaneGate.Party(job: JobID(rawValue: 1), uid: 1000)

    @Test("a pause is named before a hold of the lane, and that before a reason of the job itself")
    func waiting() {
        let later = start + .seconds(60)
        var gate = QueueGate()
        var lane = LaneGate()
        func waiting(_ notBefore: Timestamp?, _ afterBackoff: Bool, _ now: Timestamp) -> Waiting {
            gate.waiting(for: party, in: lane, notBefore: notBefore, afterBackoff: afterBackoff, now: now)
        }
        #expect(waiting(nil, false, start) == .ready)
        #expect(waiting(later, false, start) == .scheduled)
        #expect(waiting(later, true, start) == .backoff)
        #expect(waiting(later, true, later) == .ready)
        lane.rateLimit = .init(since: start, until: later)
        #expect(waiting(later, true, start) == .rateLimited)
        lane.hold = .init(cause: .unreachable, since: start, message: "", probeAt: later)
        #expect(waiting(later, true, start) == .held)
        gate.pause = .init(since: start, uid: 0)
        #expect(waiting(later, true, start) == .paused)
        #expect(QueueGate().waiting(for: party, in: nil, notBefore: nil, afterBackoff: false, now: start) == .held)
    }

    @Test("a fixed rate spaces calls evenly, and is the last reason that is named")
    func spacing() {
        let spacing = CallSpacing(interval: .seconds(2), lastCallAt: start)
        let next = start + .seconds(2)
        #expect(spacing.next(after: start + .milliseconds(1999)) == next)
        #expect(spacing.next(after: next) == nil && spacing.next(after: start + .seconds(-1)) == nil)
        let limit = LimitReached(kind: .imagesPerDay, limit: 4, used: 4, asked: 1)
        func waiting(_ limit: LimitReached?, _ now: Timestamp) -> Waiting {
            QueueGate().waiting(
                for: party, in: LaneGate(), spacing: spacing, notBefore: nil, afterBackoff: false, limit: limit,
                now: now)
        }
        #expect(waiting(limit, start) == .userLimit)
        #expect(waiting(nil, start) == .rateLimited)
        #expect(waiting(nil, next) == .ready)
    }
}
