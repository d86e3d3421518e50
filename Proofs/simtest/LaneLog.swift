import FluxqModel

/// What the API has told fluxq about one lane, and what that says of the lane to anybody who listens.
struct LaneLog {
    /// Why nothing but a probe may begin.
    enum Closure: Hashable {
        /// An outage that costs nothing, or a web page: from the first one on.
        case refused
        /// The calls of three jobs in a row have failed with no success between.
        case failing
        /// The pictures of three calls could not be fetched, and none could since.
        case undeliverable
    }

    /// Something that went wrong, one entry for each job or call.
    private struct Trouble: Hashable {
        let owner: UInt32
        /// Of the job or the call, as the closure counts.
        let number: Int64
        /// The call that showed it.
        let call: Int
    }

    /// So many show that a lane is out, whoever met them: one owner's alone may be that owner's own, which fluxq may know
    /// from an earlier outage.
    private struct Enough {
        let news: Int
        let all: Int
    }

    private static let enough: [Closure: Enough] = [
        .refused: .init(news: 1, all: 3), .failing: .init(news: 3, all: 5), .undeliverable: .init(news: 3, all: 5),
    ]

    private var troubles: [Closure: [Trouble]] = [:]
    /// Owners of whom fluxq may think that what they meet is their own.
    private var suspects: Set<UInt32> = []
    /// When something that was wrong was last found to be over: what was in flight then says nothing any more.
    private var clearedAt: Int64 = 0
    /// No call on it has ever been told that there were too many at once.
    private(set) var hasBeenLimited = false
    /// What was told last was a success, or nothing has been told.
    private(set) var isClean = true
    /// When something else was told last.
    private var soiledAt: Int64 = -1

    var closure: Closure? {
        [.undeliverable, .refused, .failing].first {
            isShown($0, by: \.news, isFresh) || isShown($0, by: \.all) { _ in true }
        }
    }

    /// It is shown by owners of whom fluxq cannot think that it is their own: so it is closed for everybody.
    var isForEverybody: Bool { closure.map { isShown($0, by: \.news, isFresh) } ?? false }

    /// Whose calls show it.
    var concerned: Set<UInt32> { Set(closure.flatMap { troubles[$0] }.map { $0.map(\.owner) } ?? []) }

    private func isFresh(_ trouble: Trouble) -> Bool { !suspects.contains(trouble.owner) }

    private func isShown(_ closure: Closure, by number: KeyPath<Enough, Int>, _ counts: (Trouble) -> Bool) -> Bool {
        guard let enough = Self.enough[closure], let troubles = troubles[closure] else { return false }
        return troubles.count(where: counts) >= enough[keyPath: number]
    }

    /// A call has ended, and fluxq was told how.
    mutating func note(_ call: SimulatedCall, at time: Int64) {
        // A success of a call that began before something went wrong says nothing about what is now.
        if call.plan != .pictures || call.isTooMany || call.report?.outcome.billing != .billed {
            (isClean, soiledAt) = (false, time)
        } else if call.begunAt > soiledAt {
            isClean = true
        }
        if call.isTooMany || call.plan.isRateLimit { hasBeenLimited = true }
        // The workers know why it ended, and that it says nothing about the lane.
        if call.isGivenUp { return }
        switch (call.cause, call.plan) {
        case (.outage(let outage), _) where outage.isFree || outage == .webPage:
            guard call.freeOutage != nil || call.report?.outcome.kind == .webPage, call.begunAt >= clearedAt else {
                break
            }
            add(.refused, Trouble(owner: call.owner, number: Int64(call.number), call: call.number))
        case (.outage, _) where call.isFailure:
            if call.begunAt >= clearedAt {
                add(
                    .failing, Trouble(owner: call.owner, number: call.attempt.job.rawValue, call: call.number))
            }
            // The API was there.
            end(.refused, at: time)
        // What others bring on themselves, or chance does, neither closes a lane for certain nor opens it.
        case (_, .refused), (_, .connectionFails), (_, .uploadFails), (_, .wrongAddress), (_, .webPage), (_, .tooMany):
            break
        case (.hostility, _) where call.isFailure: break
        default:
            end(.refused, at: time)
            end(.failing, at: time)
            // What comes inline was delivered.
            if !call.inline.isEmpty, troubles[.undeliverable]?.allSatisfy({ $0.owner != call.owner }) == true {
                end(.undeliverable, at: time)
            }
        }
    }

    mutating func noteFailedDownload(of call: SimulatedCall) {
        add(.undeliverable, Trouble(owner: call.owner, number: Int64(call.number), call: call.number))
    }

    mutating func noteDownload(at time: Int64) { end(.undeliverable, at: time) }

    /// fluxq has died, and need not know any more what it had not written down or drawn no conclusion from.
    ///
    /// - Parameters:
    ///   - unrecorded: calls whose end it had not written down.
    ///   - hadCalls: some were in flight, whose ends it takes for unknown.
    mutating func losePeer(unrecorded: Set<Int>, hadCalls: Bool, at time: Int64) {
        if hadCalls { (isClean, soiledAt) = (false, time) }
        for closure in [Closure.refused, .failing] {
            troubles[closure]?.removeAll { unrecorded.contains($0.call) }
        }
        if closure == nil { for closure in Self.enough.keys { end(closure, at: time) } }
    }

    private mutating func add(_ closure: Closure, _ trouble: Trouble) {
        // What mallory meets may be her own as well.
        guard trouble.owner != Scene.mallory.uid else { return }
        if !troubles[closure, default: []].contains(where: { $0.number == trouble.number }) {
            troubles[closure, default: []].append(trouble)
        }
    }

    private mutating func end(_ closure: Closure, at time: Int64) {
        guard let ended = troubles.removeValue(forKey: closure) else { return }
        suspects.formUnion(ended.map(\.owner))
        if closure != .undeliverable { clearedAt = time }
    }
}

extension SimulatedCall {
    /// It counts towards three in a row.
    fileprivate var isFailure: Bool {
        switch plan {
        case .nothing, .junk, .serverError, .lostBilled, .lostUnbilled, .gatewayFails: true
        default: false
        }
    }
}
