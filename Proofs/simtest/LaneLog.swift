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
        /// The number of the call that showed it, and when it began.
        let call: Int
        let begunAt: Int64

        init(_ call: SimulatedCall, number: Int64) {
            (owner, self.call, begunAt, self.number) = (call.owner, call.number, call.begunAt, number)
        }
    }

    /// So many show that a lane is out, if several owners met them: one owner's alone may be that owner's own, which fluxq may know
    /// from an earlier outage.
    private struct Enough {
        let news: Int
        let all: Int
    }

    private static let enough: [Closure: Enough] = [
        .refused: .init(news: 1, all: 3), .failing: .init(news: 3, all: 5), .undeliverable: .init(news: 3, all: 5),
    ]

    /// How much later fluxq may learn what has shown that a lane is closed, in milliseconds.
    private static let delay: Int64 = 1000

    private var troubles: [Closure: [Trouble]] = [:]
    /// Owners of whom fluxq may think that what they meet is their own.
    private var suspects: Set<UInt32> = []
    /// Owners who were refused by chance or by their own doing since the API last answered: another's success makes them
    /// suspects.
    private var refusedByChance: Set<UInt32> = []
    /// When something that was wrong was last found to be over: what was in flight then says nothing any more.
    private var clearedAt: Int64 = 0
    /// No call on it has ever been told that there were too many at once.
    private(set) var hasBeenLimited = false
    /// What was told last was a success, or nothing has been told.
    private(set) var isClean = true
    /// A picture could be obtained after the last one that could not, of any owner.
    private(set) var isDelivering = true
    /// The calls whose pictures could not be fetched since, of any owner and for any cause.
    private var undelivered: Set<Int> = []
    /// When they were enough for fluxq to close the lane.
    private var undeliverableSince: Int64?
    /// When something else was told last.
    private var soiledAt: Int64 = -1
    /// Whose calls were told something else since the last success: fluxq may think that any of them closed the lane.
    private(set) var troubled: Set<UInt32> = []
    private(set) var troubledSince: Int64?

    var closure: Closure? { [.undeliverable, .refused, .failing].first(where: isShown) }

    /// It is shown by owners of whom fluxq cannot think that it is their own: so it is closed for everybody.
    var isForEverybody: Bool { closure.map { isShown($0, by: \.news, isFresh) } ?? false }

    /// Whose calls show that it is closed, for whatever cause: one may follow another.
    var concerned: Set<UInt32> { Set(Self.enough.keys.filter(isShown).flatMap { troubles[$0] ?? [] }.map(\.owner)) }

    /// How often an owner has met what closes the lane now.
    func troubles(of owner: UInt32) -> Int {
        closure.flatMap { troubles[$0]?.count { $0.owner == owner } } ?? 0
    }

    private func isShown(_ closure: Closure) -> Bool {
        isShown(closure, by: \.news, isFresh) || isShown(closure, by: \.all) { _ in true }
    }

    private func isFresh(_ trouble: Trouble) -> Bool { !suspects.contains(trouble.owner) }

    private func isShown(_ closure: Closure, by number: KeyPath<Enough, Int>, _ counts: (Trouble) -> Bool) -> Bool {
        guard let enough = Self.enough[closure], let troubles = troubles[closure] else { return false }
        return troubles.count(where: counts) >= enough[keyPath: number]
    }

    /// A call has ended, and fluxq was told how.
    mutating func note(_ call: SimulatedCall, at time: Int64) {
        // A success of a call that began before something went wrong says nothing about what is now.
        let isUsable = (call.inline.isEmpty || !call.whole.isEmpty) && call.report?.outcome.kind != .noImage
        if call.plan != .pictures || call.isTooMany || call.report?.outcome.billing != .billed || !isUsable {
            (isClean, soiledAt) = (false, time)
            troubled.insert(call.owner)
            troubledSince = troubledSince ?? time
        } else if call.begunAt > soiledAt {
            isClean = true
            (troubled, troubledSince) = ([], nil)
        }
        if call.isTooMany || call.plan.isRateLimit { hasBeenLimited = true }
        // The workers know why it ended, and that it says nothing about the lane; what had come by then says that it works.
        if call.isGivenUp, call.inline.isEmpty { return }
        switch (call.cause, call.plan) {
        case (.outage(let outage), _) where outage.isFree || outage == .webPage:
            guard call.freeOutage != nil || call.report?.outcome.kind == .webPage, call.begunAt >= clearedAt else {
                break
            }
            add(.refused, Trouble(call, number: Int64(call.number)))
        // The host has answered, and knows the account. What an outage would have done, a limit came before.
        case (_, .tooMany),
            (.outage, _) where call.isFailure && call.isTooMany:
            end(.refused, by: call, at: time)
        case (.outage, _) where call.isFailure:
            if call.begunAt >= clearedAt {
                add(.failing, Trouble(call, number: call.attempt.job.rawValue))
            }
            // The API was there.
            end(.refused, by: call, at: time)
        // What others bring on themselves, or chance does, neither closes a lane for certain nor opens it.
        case (_, .refused), (_, .connectionFails), (_, .uploadFails), (_, .wrongAddress), (_, .webPage):
            refusedByChance.insert(call.owner)
        case (.hostility, _) where call.isFailure:
            // The API has answered, though not with what was asked for, or with something that is no picture.
            if let kind = call.report?.outcome.kind, [.noImage, .answered, .serverError].contains(kind) {
                end(.refused, by: call, at: time)
            }
        default:
            end(.refused, by: call, at: time)
            end(.failing, by: call, at: time)
            // What comes inline was delivered.
            if !call.inline.isEmpty { isDelivering = true }
            if !call.inline.isEmpty, troubles[.undeliverable]?.allSatisfy({ $0.owner != call.owner }) == true {
                end(.undeliverable, at: time)
            }
        }
    }

    mutating func noteFailedDownload(of call: SimulatedCall) {
        add(.undeliverable, Trouble(call, number: Int64(call.number)))
    }

    mutating func noteUndelivered(of call: Int, at time: Int64) {
        isDelivering = false
        undelivered.insert(call)
        if undelivered.count == Self.enough[.undeliverable]?.news { undeliverableSince = undeliverableSince ?? time }
    }

    mutating func noteDownload(at time: Int64) {
        isDelivering = true
        if let since = undeliverableSince {
            // What was in flight when that closed the lane was no news while it was closed.
            for closure in [Closure.refused, .failing] {
                troubles[closure]?.removeAll { $0.begunAt <= since + Self.delay }
            }
        }
        (undelivered, undeliverableSince) = ([], nil)
        end(.undeliverable, at: time)
    }

    /// fluxq has died, and need not know any more what it had not written down or drawn no conclusion from.
    ///
    /// - Parameters:
    ///   - unrecorded: calls whose end it had not written down: a start records them, and draws no conclusion from them.
    ///   - hadCalls: some were in flight, whose ends it takes for unknown.
    mutating func losePeer(unrecorded: Set<Int>, hadCalls: Bool, at time: Int64) {
        if hadCalls || !unrecorded.isEmpty { (isClean, soiledAt) = (false, time) }
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

    /// A success of a call that began before those that closed the lane says nothing about what is now.
    private mutating func end(_ closure: Closure, by call: SimulatedCall, at time: Int64) {
        if closure == .refused {
            suspects.formUnion(refusedByChance)
            refusedByChance = []
        }
        if isShown(closure), let latest = troubles[closure]?.map(\.begunAt).max(), call.begunAt < latest { return }
        end(closure, at: time)
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
