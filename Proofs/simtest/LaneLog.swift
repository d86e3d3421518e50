import FluxqModel

/// The API's answers to fluxq about one lane, and the state of the lane that they show.
struct LaneLog {
    /// The reason why nothing but a probe may begin.
    enum Closure: Hashable {
        /// An outage that costs nothing, or a web page: closes the lane on the first one.
        case refused
        /// The calls of three jobs in a row failed without a success between them.
        case failing
        /// The pictures of three calls could not be fetched, and none has been fetched since.
        case undeliverable
    }

    /// A failure, one entry for each job or call.
    private struct Trouble: Hashable {
        let owner: UInt32
        /// The number of the job or of the call, depending on the closure.
        let number: Int64
        /// The number of the call that failed, and the time when it began.
        let call: Int
        let begunAt: Int64

        init(_ call: SimulatedCall, number: Int64) {
            (owner, self.call, begunAt, self.number) = (call.owner, call.number, call.begunAt, number)
        }
    }

    /// The numbers of failures that show that a lane is out. If only one owner met them, they may be that owner's own
    /// fault, which fluxq may know from an earlier outage.
    private struct Enough {
        let news: Int
        let all: Int
    }

    private static let enough: [Closure: Enough] = [
        .refused: .init(news: 1, all: 3), .failing: .init(news: 3, all: 5), .undeliverable: .init(news: 3, all: 5),
    ]

    /// The time in milliseconds that fluxq may take to learn that a lane is closed.
    private static let delay: Int64 = 1000

    private var troubles: [Closure: [Trouble]] = [:]
    /// Owners whose failures fluxq may attribute to the owners themselves.
    private var suspects: Set<UInt32> = []
    /// Owners whose calls were refused by chance or through their own fault since the API last answered. A success of
    /// another owner makes them suspects.
    private var refusedByChance: Set<UInt32> = []
    /// The time when a failure was last found to be over. Calls that were in flight then prove nothing.
    private var clearedAt: Int64 = 0
    /// True if a call on the lane has ever been rate-limited.
    private(set) var hasBeenLimited = false
    /// True if the last answer was a success, or there was none.
    private(set) var isClean = true
    /// True if a picture of any owner was obtained after the last one that could not be.
    private(set) var isDelivering = true
    /// The calls whose pictures could not be fetched since, of any owner and for any cause.
    private var undelivered: Set<Int> = []
    /// The time when there were enough of them for fluxq to close the lane.
    private var undeliverableSince: Int64?
    /// The time of the last answer that was not a success.
    private var soiledAt: Int64 = -1
    /// Owners of calls that did not succeed since the last success: fluxq may think that any of them closed the lane.
    private(set) var troubled: Set<UInt32> = []
    private(set) var troubledSince: Int64?

    var closure: Closure? { [.undeliverable, .refused, .failing].first(where: isShown) }

    /// True if owners who are not suspects show the closure, so the lane is closed for all owners.
    var isForEverybody: Bool { closure.map { isShown($0, by: \.news, isFresh) } ?? false }

    /// The owners whose calls show a closure, for any cause: one closure may follow another.
    var concerned: Set<UInt32> { Set(Self.enough.keys.filter(isShown).flatMap { troubles[$0] ?? [] }.map(\.owner)) }

    /// The number of times that an owner has met the current closure.
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

    /// Notes a call that has ended and whose result fluxq has received.
    mutating func note(_ call: SimulatedCall, at time: Int64) {
        // A success of a call that began before the failure says nothing about the current state.
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
        // The workers know why it ended, and that this says nothing about the lane. Pictures that had come by then show
        // that it works.
        if call.isGivenUp, call.inline.isEmpty { return }
        switch (call.cause, call.plan) {
        case (.outage(let outage), _) where outage.isFree || outage == .webPage:
            guard call.freeOutage != nil || call.report?.outcome.kind == .webPage, call.begunAt >= clearedAt else {
                break
            }
            add(.refused, Trouble(call, number: Int64(call.number)))
        // The host has answered and knows the account. The rate limit came before the outage could take effect.
        case (_, .tooMany),
            (.outage, _) where call.isFailure && call.isTooMany:
            end(.refused, by: call, at: time)
        case (.outage, _) where call.isFailure:
            if call.begunAt >= clearedAt {
                add(.failing, Trouble(call, number: call.attempt.job.rawValue))
            }
            // The API was reachable.
            end(.refused, by: call, at: time)
        // Failures by an owner's own fault or by chance neither certainly close a lane nor open it.
        case (_, .refused), (_, .connectionFails), (_, .uploadFails), (_, .wrongAddress), (_, .webPage):
            refusedByChance.insert(call.owner)
        case (.hostility, _) where call.isFailure:
            // The API has answered, though with something else than was requested, or with something that is no
            // picture.
            if let kind = call.report?.outcome.kind, [.noImage, .answered, .serverError].contains(kind) {
                end(.refused, by: call, at: time)
            }
        default:
            end(.refused, by: call, at: time)
            end(.failing, by: call, at: time)
            // Inline pictures were delivered.
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
            // Calls that were in flight when this closed the lane proved nothing while it was closed.
            for closure in [Closure.refused, .failing] {
                troubles[closure]?.removeAll { $0.begunAt <= since + Self.delay }
            }
        }
        (undelivered, undeliverableSince) = ([], nil)
        end(.undeliverable, at: time)
    }

    /// Notes that fluxq has died. It may lose what it had not recorded or not yet drawn a conclusion from.
    ///
    /// - Parameters:
    ///   - unrecorded: calls whose end was not recorded. A start records them, and draws no conclusion from them.
    ///   - hadCalls: true if calls were in flight, whose outcome it takes for unknown.
    mutating func losePeer(unrecorded: Set<Int>, hadCalls: Bool, at time: Int64) {
        if hadCalls || !unrecorded.isEmpty { (isClean, soiledAt) = (false, time) }
        for closure in [Closure.refused, .failing] {
            troubles[closure]?.removeAll { unrecorded.contains($0.call) }
        }
        if closure == nil { for closure in Self.enough.keys { end(closure, at: time) } }
    }

    private mutating func add(_ closure: Closure, _ trouble: Trouble) {
        // Mallory's failures may be her own fault.
        guard trouble.owner != Scene.mallory.uid else { return }
        if !troubles[closure, default: []].contains(where: { $0.number == trouble.number }) {
            troubles[closure, default: []].append(trouble)
        }
    }

    /// A success of a call that began before those that closed the lane says nothing about the current state.
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
    /// True if it counts towards three failures in a row.
    fileprivate var isFailure: Bool {
        switch plan {
        case .nothing, .junk, .serverError, .lostBilled, .lostUnbilled, .gatewayFails: true
        default: false
        }
    }
}
