import FluxqTestSupport
import Testing

@testable import FluxqModel

@Suite("The gate of a lane")
struct LaneGateTests {
    private static let start = Timestamp(secondsSinceEpoch: 1_000_000)
    private static let alice: UInt32 = 1000
    private static let bob: UInt32 = 1001

    /// A gate and its calls, concurrent or one after the other.
    private struct Scene {
        var gate = LaneGate()
        var now = LaneGateTests.start
        var random = SystemRandomNumberGenerator()
        let pauses = LaneGate.Pauses()

        mutating func begin(_ job: Int64, of uid: UInt32 = alice) -> LaneGate.Call {
            let party = LaneGate.Party(job: JobID(rawValue: job), uid: uid)
            return .init(number: gate.begin(party, at: now), party: party, begunAt: now)
        }

        mutating func end(_ call: LaneGate.Call, _ outcome: CallOutcome) -> [Int64] {
            gate.record(outcome, of: call, now: now, ceiling: 4, pauses: pauses, using: &random).map(\.job.rawValue)
        }

        @discardableResult
        mutating func call(_ job: Int64, of uid: UInt32 = alice, _ outcome: CallOutcome) -> [Int64] {
            let call = begin(job, of: uid)
            now = now + .seconds(1)
            return end(call, outcome)
        }

        mutating func undelivered(_ job: Int64, of uid: UInt32 = alice) {
            gate.recordUndelivered(
                .init(job: JobID(rawValue: job), uid: uid), message: "no route", now: now, pauses: pauses,
                using: &random)
        }

        func fitness(_ job: Int64, of uid: UInt32 = alice) -> LaneGate.Fitness? {
            gate.fitness(of: .init(job: JobID(rawValue: job), uid: uid), at: now)
        }
    }

    private static let error = APIError(status: 402, message: "no money")
    private static let answered = CallOutcome.answered(Answer(items: [.init(link: "https://x/y")]))
    private static let refused = CallOutcome.accountClosed(error)
    private static let outcomes: [CallOutcome] = [
        answered, .noImage(Answer(items: [])), .rejected(error), .moderated(error), .notSent(message: "no route"),
        refused,
        .wrongAddress(error), .rateLimited(error, retryAfter: .seconds(1)), .serverError(error), .unknown(error),
        .webPage(error),
    ]

    // MARK: - The table

    /// The effect of the first call of an open lane, by its outcome.
    @Test("the outcome of the first call decides whether it closes an open lane", arguments: outcomes)
    func first(_ outcome: CallOutcome) {
        let expected: [CallOutcome.Kind: LaneGate.HoldCause] = [
            .notSent: .unreachable, .accountClosed: .account, .wrongAddress: .wrongAddress, .webPage: .wrongAddress,
        ]
        var scene = Scene()
        scene.call(1, outcome)
        #expect(scene.gate.hold?.cause == expected[outcome.kind])
        #expect((scene.gate.rateLimit != nil) == (outcome.kind == .rateLimited))
    }

    struct Cell: Sendable, CustomTestStringConvertible {
        let cause: LaneGate.HoldCause
        let outcome: CallOutcome
        var testDescription: String { "\(cause.rawValue), then \(outcome.kind.rawValue)" }
    }

    private static let cells = LaneGate.HoldCause.allCases.flatMap { cause in
        outcomes.map { Cell(cause: cause, outcome: $0) }
    }

    /// The cause that remains after a probe; nil if it opens the lane.
    private static func after(_ cell: Cell) -> LaneGate.HoldCause? {
        let refusals: [CallOutcome.Kind: LaneGate.HoldCause] = [
            .notSent: .unreachable, .accountClosed: .account, .wrongAddress: .wrongAddress, .webPage: .wrongAddress,
        ]
        if let cause = refusals[cell.outcome.kind] { return cause }
        switch (cell.cause, cell.outcome.kind) {
        // Only a download opens a lane that failed downloads have closed.
        case (.undeliverable, _): return .undeliverable
        case (_, .answered), (_, .rejected), (_, .moderated): return nil
        case (.failing, _): return .failing
        case (_, .noImage), (_, .rateLimited): return nil
        case (.unreachable, .serverError): return nil
        default: return cell.cause
        }
    }

    @Test("a probe opens a lane, keeps it closed, or finds another cause", arguments: cells)
    func probe(_ cell: Cell) throws {
        var scene = Scene()
        scene.gate.hold = .init(
            cause: cell.cause, since: scene.now, message: "m", probeAt: scene.now,
            closedBy: .init(job: JobID(rawValue: 1), uid: Self.alice))
        #expect(scene.fitness(1) == .closer)
        let probe = scene.begin(1)
        #expect(scene.gate.isProbing && scene.fitness(2, of: Self.bob) == nil)
        scene.now = scene.now + .seconds(1)
        #expect(scene.end(probe, cell.outcome) == [])
        #expect(scene.gate.hold?.cause == Self.after(cell))
        #expect(!scene.gate.isProbing)
        if let hold = scene.gate.hold { #expect(hold.probes == 1 && hold.probeAt > scene.now) }
    }

    // MARK: - Holds

    @Test("probes go out one at a time with growing pauses")
    func pauses() throws {
        var scene = Scene()
        scene.call(1, Self.refused)
        for probe in 0..<12 {
            let hold = try #require(scene.gate.hold)
            #expect(hold.probes == probe && hold.since == Self.start + .seconds(1))
            let pause = hold.probeAt - hold.checkedAt
            #expect(pause >= .milliseconds(2500) && pause <= .seconds(300))
            #expect(scene.fitness(1) == nil && scene.gate.opens(after: scene.now) == hold.probeAt)
            scene.now = hold.probeAt
            scene.call(1, Self.refused)
        }
    }

    @Test("calls that were in flight when the hold began neither end it nor make its pauses grow")
    func stragglers() throws {
        var scene = Scene()
        let calls = (1...4).map { scene.begin(Int64($0)) }
        _ = scene.end(calls[0], Self.refused)
        let first = try #require(scene.gate.hold)
        _ = scene.end(calls[1], Self.refused)
        _ = scene.end(calls[2], Self.answered)
        _ = scene.end(calls[3], .rateLimited(Self.error, retryAfter: nil))
        #expect(scene.gate.hold == first)
    }

    @Test("after one owner's failure another owner's call probes at once and can open the lane")
    func otherOwner() {
        var scene = Scene()
        scene.call(1, Self.refused)
        #expect(scene.fitness(2) == nil && scene.fitness(3, of: Self.bob) == .unconcerned)
        scene.call(3, of: Self.bob, Self.answered)
        #expect(scene.gate.hold == nil && scene.gate.isSuspect(.init(job: JobID(rawValue: 9), uid: Self.alice)))
    }

    @Test("a failure of two owners applies to all: no early probe, and no suspects afterwards")
    func everybody() throws {
        var scene = Scene()
        scene.call(1, Self.refused)
        scene.call(3, of: Self.bob, Self.refused)
        #expect(scene.fitness(5, of: 1002) == nil)
        scene.now = try #require(scene.gate.hold).probeAt
        #expect(scene.fitness(5, of: 1002) == .unconcerned)
        #expect(scene.fitness(3, of: Self.bob) == .other && scene.fitness(1) == .closer)
        scene.call(5, of: 1002, Self.answered)
        #expect(scene.gate.hold == nil && scene.gate.evidence.suspectOwners.isEmpty)
    }

    @Test("three failing jobs in a row close a lane, and no more calls begin than may still fail before that")
    func failing() {
        for outcome in [CallOutcome.unknown(Self.error), .serverError(Self.error), .noImage(Answer(items: []))] {
            var scene = Scene()
            #expect(scene.gate.places(ceiling: 4) == 4)
            scene.call(1, outcome)
            #expect(scene.gate.hold == nil && scene.gate.places(ceiling: 4) == 2)
            // The same job again does not count twice.
            scene.call(1, outcome)
            scene.call(2, outcome)
            #expect(scene.gate.hold == nil && scene.gate.places(ceiling: 4) == 1)
            scene.call(3, of: Self.bob, outcome)
            #expect(scene.gate.hold?.cause == .failing)
        }
        var scene = Scene()
        for job in 1...9 {
            scene.call(Int64(job), .unknown(Self.error))
            if job % 2 == 0 { scene.call(100, Self.answered) }
        }
        #expect(scene.gate.hold == nil)
    }

    @Test("a short recovery of the network does not reset the count of failures; a success does")
    func failuresAroundAnotherHold() {
        for outcome in Self.outcomes {
            var scene = Scene()
            scene.call(1, .unknown(Self.error))
            scene.call(2, of: Self.bob, .unknown(Self.error))
            scene.call(3, of: 1002, .notSent(message: "no route"))
            #expect(scene.gate.hold?.cause == .unreachable)
            scene.now = scene.gate.hold?.probeAt ?? scene.now
            scene.call(4, of: Self.bob, outcome)
            switch outcome.kind {
            case .noImage, .serverError: #expect(scene.gate.hold?.cause == .failing, "\(outcome)")
            case .answered, .rejected, .moderated:
                for job in [5, 6] as [Int64] { scene.call(job, of: Self.bob, .unknown(Self.error)) }
                #expect(scene.gate.hold == nil, "\(outcome)")
            case .rateLimited:
                scene.now = scene.now + .seconds(60)
                scene.call(5, of: Self.bob, .unknown(Self.error))
                #expect(scene.gate.hold?.cause == .failing, "\(outcome)")
            case .notSent, .accountClosed, .wrongAddress, .webPage, .unknown:
                #expect(scene.gate.hold != nil, "\(outcome)")
            }
        }
    }

    @Test("probes that fail one after the other turn a hold into that of a failing lane, which stays closed")
    func failingProbes() {
        var scene = Scene()
        scene.call(1, .notSent(message: "no route"))
        for (job, owner) in [(2, Self.alice), (3, Self.bob), (4, 1002)] as [(Int64, UInt32)] {
            #expect(scene.gate.hold?.cause == .unreachable)
            scene.now = scene.gate.hold?.probeAt ?? scene.now
            scene.call(job, of: owner, .unknown(Self.error))
        }
        #expect(scene.gate.hold?.cause == .failing && scene.gate.hold?.probes == 3)
        for outcome in [CallOutcome.noImage(Answer(items: [])), .serverError(Self.error)] {
            scene.now = scene.gate.hold?.probeAt ?? scene.now
            scene.call(5, outcome)
            #expect(scene.gate.hold?.cause == .failing)
        }
        scene.now = scene.gate.hold?.probeAt ?? scene.now
        scene.call(6, Self.answered)
        #expect(scene.gate.hold == nil)
    }

    @Test("pictures of three calls that cannot be downloaded close a lane, and one that can opens it")
    func undeliverable() {
        var scene = Scene()
        for job in [1, 1, 2] { scene.undelivered(Int64(job)) }
        #expect(scene.gate.hold == nil)
        scene.gate.recordDelivered(.init(job: JobID(rawValue: 2), uid: Self.alice))
        for job in 1...3 { scene.undelivered(Int64(job)) }
        #expect(scene.gate.hold?.cause == .undeliverable)
        // One call of another owner may test whether the hold applies to all; its answer alone opens nothing.
        #expect(scene.fitness(4, of: Self.bob) == .unconcerned)
        scene.call(4, of: Self.bob, Self.answered)
        #expect(scene.gate.hold != nil && scene.fitness(5, of: 1002) == nil)
        scene.gate.recordDelivered(.init(job: JobID(rawValue: 4), uid: Self.bob))
        #expect(scene.gate.hold == nil && scene.gate.evidence.suspectOwners == [Self.alice])
        for job in 11...13 { scene.undelivered(Int64(job)) }
        #expect(scene.fitness(5, of: Self.bob) == .open && scene.fitness(14) == nil)
    }

    // MARK: - Suspects

    /// Alice is refused, and Bob's next call works.
    private func suspicious() -> Scene {
        var scene = Scene()
        scene.call(1, Self.refused)
        scene.call(2, of: Self.bob, Self.answered)
        return scene
    }

    @Test("an owner who is refused alone closes nothing, and its refusals count if others' calls work before and after")
    func alone() {
        var scene = suspicious()
        for job in 10..<30 {
            #expect(scene.call(Int64(job), Self.refused) == [])
            #expect(scene.gate.hold == nil && scene.fitness(2, of: Self.bob) == .open)
            #expect(scene.call(2, of: Self.bob, Self.answered) == [Int64(job)])
        }
    }

    @Test("refusals between the same two calls of others count once")
    func betweenTheSame() {
        var scene = suspicious()
        for _ in 0..<2 { scene.call(1, Self.refused) }
        #expect(scene.call(2, of: Self.bob, Self.answered) == [1])
        #expect(scene.call(2, of: Self.bob, Self.answered) == [])
    }

    @Test("money that runs out again after one picture costs no job a strike")
    func twice() {
        var scene = Scene()
        let calls = (1...4).map { scene.begin(Int64($0)) }
        for call in calls { _ = scene.end(call, Self.refused) }
        scene.now = scene.now + .seconds(10)
        scene.call(2, Self.answered)
        #expect(scene.gate.hold == nil)
        for round in 0..<8 {
            var struck: [Int64] = []
            for job in [1, 3, 4] where scene.gate.hold == nil || round > 0 {
                struck += scene.call(Int64(job), Self.refused)
            }
            #expect(struck == [] && scene.gate.hold?.cause == .account)
        }
    }

    @Test("a suspect that is refused together with others gets no strike")
    func outage() {
        var scene = suspicious()
        scene.call(10, Self.refused)
        scene.call(2, of: Self.bob, Self.refused)
        #expect(scene.gate.hold?.cause == .account && !scene.gate.isForSuspects)
        scene.now = scene.now + .seconds(600)
        #expect(scene.call(3, of: 1002, Self.answered) == [])
    }

    @Test("without calls of others, suspects are held as in an outage, and others are not")
    func suspectsHeld() {
        var scene = suspicious()
        for job in 10..<13 { scene.call(Int64(job), Self.refused) }
        #expect(scene.gate.isForSuspects && scene.fitness(13) == nil)
        #expect(scene.fitness(2, of: Self.bob) == .open && scene.gate.places(ceiling: 4) == 4)
        scene.call(2, of: Self.bob, Self.answered)
        #expect(scene.gate.hold == nil)
    }

    @Test("a lane held only for suspects opens for others when its rate limit is over")
    func suspectsHeldUnderLimit() throws {
        var scene = suspicious()
        scene.call(2, of: Self.bob, .rateLimited(Self.error, retryAfter: .seconds(20)))
        let until = try #require(scene.gate.rateLimit?.until)
        scene.now = until + .seconds(-1)
        for job in 10..<13 { scene.undelivered(Int64(job)) }
        #expect(scene.gate.isForSuspects && scene.gate.hold?.probeAt ?? until > until)
        #expect(scene.gate.looksAgain(after: scene.now) == until)
    }

    @Test("a hold for suspects that becomes general is not probed at once by owners who have met it")
    func suspectsHeldThenAll() {
        var scene = suspicious()
        for job in 10..<13 { scene.call(Int64(job), Self.refused) }
        scene.call(2, of: Self.bob, Self.refused)
        #expect(scene.gate.hold != nil && !scene.gate.isForSuspects)
        #expect(scene.fitness(13) == nil && scene.fitness(2, of: Self.bob) == nil)
        scene.now = scene.gate.hold?.probeAt ?? scene.now
        #expect(scene.fitness(13) == .other && scene.fitness(3, of: 1002) == .unconcerned)
    }

    @Test("a probe in flight stays the only one when a hold for suspects becomes general")
    func probesOnce() {
        var scene = suspicious()
        for job in 10..<13 { scene.call(Int64(job), Self.refused) }
        let others = scene.begin(2, of: Self.bob)
        scene.now = scene.gate.hold?.probeAt ?? scene.now
        let probe = scene.begin(13)
        _ = scene.end(others, Self.refused)
        #expect(!scene.gate.isForSuspects && scene.gate.isProbing && scene.fitness(3, of: 1002) == nil)
        _ = scene.end(probe, Self.refused)
        scene.now = scene.gate.hold?.probeAt ?? scene.now
        #expect(scene.fitness(3, of: 1002) == .unconcerned)
    }

    @Test("a probe that this host could not send is replaced by the next one at once")
    func unsentProbe() {
        var scene = Scene()
        scene.call(1, Self.refused)
        scene.now = scene.gate.hold?.probeAt ?? scene.now
        let probe = scene.begin(1)
        #expect(scene.fitness(2) == nil)
        scene.gate.dismiss(probe)
        #expect(scene.gate.hold?.probes == 0 && scene.fitness(2) == .closer)
    }

    @Test("an owner whose jobs all fail closes the lane for all owners only once")
    func failsAlone() {
        var scene = Scene()
        for job in 1...3 { scene.call(Int64(job), .unknown(Self.error)) }
        #expect(scene.gate.hold?.cause == .failing && scene.fitness(9, of: Self.bob) == .unconcerned)
        scene.call(9, of: Self.bob, Self.answered)
        for job in 4..<20 {
            scene.call(Int64(job), .unknown(Self.error))
            #expect(scene.fitness(9, of: Self.bob) == .open && scene.gate.places(ceiling: 4) == 4)
        }
        #expect(scene.gate.isForSuspects)
    }

    // MARK: - Rate limits

    @Test("Retry-After sets the wait of the lane; a later, shorter one does not shorten it")
    func retryAfter() {
        var scene = Scene()
        let calls = [scene.begin(1), scene.begin(2), scene.begin(3)]
        _ = scene.end(calls[0], .rateLimited(Self.error, retryAfter: .seconds(30)))
        _ = scene.end(calls[1], .rateLimited(Self.error, retryAfter: .seconds(3)))
        // Calls that were in flight prove nothing about the end.
        _ = scene.end(calls[2], Self.answered)
        #expect(scene.gate.opens(after: scene.now) == Self.start + .seconds(30) && scene.gate.pace.limit == 2)
        scene.now = Self.start + .seconds(29)
        #expect(scene.fitness(4, of: Self.bob) == nil)
        scene.now = Self.start + .seconds(30)
        #expect(scene.fitness(1) == .open)
    }

    @Test("after a rate limit another owner calls first, which shows whose limit it was")
    func othersFirst() {
        var scene = Scene()
        scene.call(1, .rateLimited(Self.error, retryAfter: .seconds(20)))
        scene.now = scene.now + .seconds(20)
        #expect(scene.fitness(1) == .closer && scene.fitness(2, of: Self.bob) == .open)
        #expect(!scene.gate.isOpenToAll(at: scene.now))
        scene.call(2, of: Self.bob, Self.answered)
        #expect(scene.fitness(1) == .open && scene.gate.isOpenToAll(at: scene.now))
    }

    @Test("a long rate limit of one owner is tested by one call of another owner, which can end it")
    func longLimit() {
        var scene = Scene()
        scene.call(1, .rateLimited(Self.error, retryAfter: .seconds(3600)))
        #expect(scene.fitness(2, of: Self.bob) == nil)
        scene.now = scene.now + .seconds(15)
        #expect(scene.fitness(1) == nil && scene.fitness(2, of: Self.bob) == .unconcerned)
        let trial = scene.begin(2, of: Self.bob)
        #expect(scene.fitness(3, of: 1002) == nil)
        _ = scene.end(trial, Self.answered)
        #expect(scene.fitness(3, of: 1002) == .open)
    }

    @Test("a long rate limit is tested by another owner if there is one, else by another job")
    func whoTries() {
        var scene = Scene()
        scene.call(1, .rateLimited(Self.error, retryAfter: .seconds(3600)))
        scene.now = scene.now + .seconds(15)
        #expect(scene.fitness(1) == nil && scene.fitness(3) == .other && scene.fitness(2, of: Self.bob) == .unconcerned)
        scene.call(3, .rateLimited(Self.error, retryAfter: .seconds(3600)))
        scene.now = scene.now + .seconds(15)
        #expect(scene.fitness(4) == nil && scene.fitness(2, of: Self.bob) == .unconcerned)
    }

    @Test("the API's latest answer decides how long a rate limit lasts", arguments: [Duration.seconds(30), nil])
    func newestWord(_ wait: Duration?) throws {
        var scene = Scene()
        scene.call(1, .rateLimited(Self.error, retryAfter: .seconds(3600)))
        scene.now = scene.now + .seconds(15)
        scene.call(2, of: Self.bob, .rateLimited(Self.error, retryAfter: wait))
        let until = try #require(scene.gate.rateLimit?.until)
        #expect(until - scene.now <= wait ?? .seconds(120))
        // Both have met it: no other owner tests it before it is over.
        #expect(scene.fitness(3, of: 1002) == nil)
    }

    @Test("an hour's wait of one owner does not extend another owner's wait of a minute")
    func ownWord() throws {
        var scene = Scene()
        scene.call(1, .rateLimited(Self.error, retryAfter: .seconds(60)))
        let own = try #require(scene.gate.rateLimit?.until)
        scene.now = scene.now + .seconds(15)
        scene.call(2, of: Self.bob, .rateLimited(Self.error, retryAfter: .seconds(3600)))
        #expect(scene.gate.rateLimit?.until == own)
    }

    @Test("another owner's inline picture shows that failed downloads concern one owner only")
    func inlineDelivers() {
        var scene = Scene()
        for job in 1...3 {
            scene.call(Int64(job), Self.answered)
            scene.undelivered(Int64(job))
        }
        #expect(scene.gate.hold?.cause == .undeliverable)
        let inline = CallOutcome.answered(Answer(items: [.init(inline: 0)]))
        // An inline picture of the same owner proves nothing about its links.
        scene.call(4, inline)
        #expect(scene.gate.hold?.cause == .undeliverable)
        scene.call(5, of: Self.bob, inline)
        #expect(scene.gate.hold == nil && scene.gate.evidence.suspectOwners == [Self.alice])
    }

    @Test("if the test of a long rate limit finds the lane closed, that hold's probes continue it")
    func longLimitUnderHold() {
        var scene = Scene()
        scene.call(1, .rateLimited(Self.error, retryAfter: .seconds(3600)))
        scene.now = scene.now + .seconds(15)
        scene.call(2, .wrongAddress(Self.error))
        #expect(scene.gate.hold?.cause == .wrongAddress && scene.gate.isRateLimited(at: scene.now))
        // Another owner may be served even if this one is not.
        #expect(scene.fitness(4, of: Self.bob) == .unconcerned)
        #expect(scene.fitness(3) == nil)
        let due = scene.gate.looksAgain(after: scene.now)
        #expect(due == scene.gate.hold?.probeAt)
        scene.now = scene.gate.hold?.probeAt ?? scene.now
        #expect(scene.fitness(1) == nil && scene.fitness(3) == .closer)
        scene.call(3, .wrongAddress(Self.error))
        scene.call(4, of: Self.bob, Self.answered)
        #expect(scene.fitness(3) == .open && scene.gate.hold == nil)
    }

    @Test("an owner who alone is rate-limited again and again slows only itself")
    func limitedAlone() {
        var scene = Scene()
        let limited = CallOutcome.rateLimited(Self.error, retryAfter: .seconds(5))
        for _ in 0..<3 {
            scene.call(1, limited)
            scene.now = scene.now + .seconds(5)
            scene.call(2, of: Self.bob, Self.answered)
        }
        let pace = scene.gate.pace.limit
        for _ in 0..<5 {
            #expect(scene.call(1, limited) == [])
            #expect(scene.fitness(2, of: Self.bob) == .open && scene.gate.pace.limit ?? 4 >= pace ?? 4)
            #expect(scene.call(2, of: Self.bob, Self.answered) == [1])
        }
        // If others are limited too, the limit applies to the lane.
        scene.call(2, of: Self.bob, limited)
        #expect(
            scene.fitness(3, of: 1002) == nil && !scene.gate.isLimitedAlone(.init(job: JobID(rawValue: 1), uid: 1000)))
    }

    // MARK: - Clocks and resumes

    @Test("a resume by hand ends a rate limit, and makes a hold probe at once, with a single call")
    func resume() {
        var scene = Scene()
        scene.call(1, Self.refused)
        scene.gate.rateLimit = .init(since: scene.now, until: scene.now + .seconds(3600))
        #expect(scene.fitness(1) == nil)
        scene.gate.resume(at: scene.now)
        #expect(scene.fitness(1) == .closer)
        _ = scene.begin(1)
        #expect(scene.fitness(1) == nil)
        scene.gate.forgetCallsInFlight()
        #expect(scene.fitness(1) == .closer)
    }

    @Test("a clock that is set back ends no hold and delays no probe, and the probe's answer counts")
    func clockSetBack() throws {
        var scene = Scene()
        scene.call(1, Self.refused)
        scene.now = Self.start + .seconds(-7 * 86_400)
        #expect(scene.fitness(1) == .closer && scene.gate.opens(after: scene.now) == nil)
        scene.call(1, Self.refused)
        let hold = try #require(scene.gate.hold)
        #expect(hold.probes == 1 && hold.probeAt < scene.now + .seconds(11) && scene.fitness(1) == nil)
        scene.now = hold.probeAt
        scene.call(1, .rejected(Self.error))
        #expect(scene.gate.hold == nil)
        scene.gate.rateLimit = .init(since: scene.now + .seconds(60), until: scene.now + .seconds(120))
        #expect(scene.fitness(1) == .open)
    }

    @Test("a resume while the clock is fast does not delay the probe until that time")
    func resumedByFastClock() {
        var scene = Scene()
        scene.call(1, Self.refused)
        scene.gate.resume(at: scene.now + .seconds(3600))
        scene.now = scene.now + .seconds(11)
        #expect(scene.fitness(1) == .closer)
    }
}
