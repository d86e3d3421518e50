package import FluxqHost
package import FluxqModel
import NIOCore
import NIOPosix
import Synchronization

/// This host's knowledge of uids, cached for a while: a lookup may ask a remote server.
///
/// Each lookup runs on its own thread, one at a time for each uid. While a lookup takes long, or the user database does
/// not respond, the last known entry is used.
package final class KnownUsers: Sendable {
    /// The result of a lookup.
    package enum Standing: Hashable, Sendable {
        case user(User)
        /// The user database has no user with that uid.
        case unknown
        /// One of the many subordinate uids of another user.
        case subordinate(of: String)
        /// A uid that passes from service to service.
        case dynamic

        fileprivate var user: User? {
            if case .user(let user) = self { user } else { nil }
        }
    }

    /// How long a request waits for a lookup.
    package struct Patience: Hashable, Sendable {
        /// For a known user, from the start of the lookup.
        package var known = Duration.milliseconds(500)
        /// For an unknown one, from the start of the request.
        package var unknown = Duration.seconds(10)

        package init() {}
    }

    private struct Remembered<Value: Sendable>: Sendable {
        var value: Value
        var until: ContinuousClock.Instant
    }

    private struct Lookup {
        let begun: ContinuousClock.Instant
        /// `forget` was called since: its result is looked up again.
        var isOutdated = false
        /// Each is finished when the lookup has ended.
        var waiting: [Int: AsyncStream<Never>.Continuation] = [:]
    }

    private struct State {
        var users: [UInt32: Remembered<User>] = [:]
        /// All other uids; nil if the lookup failed.
        var others: [UInt32: Remembered<Standing?>] = [:]
        var lookups: [UInt32: Lookup] = [:]
        var waits = 0
    }

    private enum Step {
        case known(Standing?)
        case wait(Wait)
    }

    /// One request's wait for the end of a lookup.
    private struct Wait {
        let number: Int
        let lookupBegun: ContinuousClock.Instant
        let ended: AsyncStream<Never>
        let continuation: AsyncStream<Never>.Continuation
    }

    private static let lifetime = Duration.seconds(60)
    /// For uids that are not users, and after a failed lookup: a new account is admitted, and the database asked again,
    /// this soon.
    private static let shortLifetime = Duration.seconds(5)
    /// Accounts of this host. Beyond that number the oldest are dropped.
    private static let mostUsers = 16384
    private static let mostOthers = 1024
    /// Concurrent lookups. While this many hang, no further uid is looked up.
    static let mostLookups = 64

    private let lookUp: @Sendable (UInt32) throws -> Standing
    private let subordinates: SubordinateTable?
    private let patience: Patience
    private let state = Mutex(State())

    /// The user database of this host.
    package convenience init() {
        self.init(subordinates: .ofThisHost, lookUp: Self.ofThisHost)
    }

    /// - Parameters:
    ///   - subordinates: uids that are never looked up.
    ///   - lookUp: may block for any time.
    package init(
        patience: Patience = .init(), subordinates: SubordinateTable? = nil,
        lookUp: @escaping @Sendable (UInt32) throws -> Standing
    ) {
        self.patience = patience
        self.subordinates = subordinates
        self.lookUp = lookUp
    }

    /// The last known entry, however old; nil for a uid that is not known as a user.
    func lastKnown(_ uid: UInt32) -> User? {
        state.withLock { $0.users[uid]?.value }
    }

    /// Loads data before the first connection. Blocks as long as the file system does.
    func prepare() {
        // The first lookup, which reads it too, reports a failure.
        _ = try? subordinates?.current()
    }

    /// Whether a uid that is not known as a user is a subordinate uid, as far as this can be told without a lookup. One
    /// person may connect with 65,536 of them, each of which would need a lookup.
    func subordination(of uid: UInt32) -> SubordinateTable.Verdict {
        subordinates?.verdict(on: uid) ?? .none
    }

    /// Looks the uid up, unless the known entry is recent enough.
    ///
    /// - Returns: nil if nothing is known and the user database has not answered in time.
    func standing(of uid: UInt32) async -> Standing? {
        let asked = ContinuousClock.now
        while true {
            switch step(uid) {
            case .known(let standing): return standing
            case .wait(let wait):
                let last = lastKnown(uid)
                let deadline =
                    last == nil ? asked + patience.unknown : min(asked, wait.lookupBegun) + patience.known
                let isWorthIt = ContinuousClock.now < deadline && !Task.isCancelled
                if isWorthIt { await Self.end(of: wait, until: deadline) }
                stopWaiting(wait.number, for: uid)
                if !isWorthIt { return last.map(Standing.user) }
            }
        }
    }

    /// Makes the next request look users up again. Until then, the last known entry of a user is used.
    func forget() {
        subordinates?.forget()
        state.withLock { state in
            let now = ContinuousClock.now
            state.users = state.users.mapValues { Remembered(value: $0.value, until: min($0.until, now)) }
            state.others.removeAll()
            for uid in state.lookups.keys { state.lookups[uid]?.isOutdated = true }
        }
    }

    /// Returns a recent result, or a lookup to wait for, which is started if it has not begun.
    private func step(_ uid: UInt32) -> Step {
        let (step, begins) = state.withLock { state -> (Step, begins: Bool) in
            let now = ContinuousClock.now
            if let user = state.users[uid], now < user.until { return (.known(.user(user.value)), false) }
            if let other = state.others[uid], now < other.until { return (.known(other.value), false) }
            let begins = state.lookups[uid] == nil
            if begins {
                guard state.lookups.count < Self.mostLookups else {
                    return (.known(state.users[uid].map { .user($0.value) }), false)
                }
                state.lookups[uid] = Lookup(begun: now)
            }
            let (ended, continuation) = AsyncStream<Never>.makeStream()
            state.waits += 1
            state.lookups[uid]?.waiting[state.waits] = continuation
            let wait = Wait(
                number: state.waits, lookupBegun: state.lookups[uid]?.begun ?? now, ended: ended,
                continuation: continuation)
            return (.wait(wait), begins)
        }
        if begins { begin(uid) }
        return step
    }

    private func begin(_ uid: UInt32) {
        Task { [lookUp] in
            let found: Standing?
            do {
                found = try await LookupThread.run { try lookUp(uid) }
            } catch {
                found = nil
            }
            remember(found, of: uid)
        }
    }

    private func remember(_ found: Standing?, of uid: UInt32) {
        let ended = state.withLock { state in
            let now = ContinuousClock.now
            let lookup = state.lookups.removeValue(forKey: uid)
            let isOutdated = lookup?.isOutdated == true
            if let entry = found?.user ?? (found == nil ? state.users[uid]?.value : nil) {
                let lifetime = found == nil ? Self.shortLifetime : Self.lifetime
                if state.users.count >= Self.mostUsers, state.users[uid] == nil,
                    let oldest = state.users.min(by: { $0.value.until < $1.value.until })
                {
                    state.users[oldest.key] = nil
                }
                state.users[uid] = Remembered(value: entry, until: isOutdated ? now : now + lifetime)
                state.others[uid] = nil
            } else {
                state.users[uid] = nil
                if state.others.count >= Self.mostOthers { state.others.removeAll() }
                state.others[uid] = isOutdated ? nil : Remembered(value: found, until: now + Self.shortLifetime)
            }
            return lookup?.waiting.values.map { $0 } ?? []
        }
        for continuation in ended { continuation.finish() }
    }

    private func stopWaiting(_ number: Int, for uid: UInt32) {
        state.withLock { $0.lookups[uid]?.waiting.removeValue(forKey: number) }?.finish()
    }

    /// Returns when the lookup has ended, the deadline has passed, or the task is canceled. Uses an event loop's timer,
    /// which can be canceled: one of Swift's own would wake an idle process once more.
    private static func end(of wait: Wait, until deadline: ContinuousClock.Instant) async {
        let timeout = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(deadline - .now)) {
            wait.continuation.finish()
        }
        for await _ in wait.ended {}
        timeout.cancel()
    }

    /// Blocks the calling thread.
    package static let ofThisHost: @Sendable (UInt32) throws -> Standing = { uid in
        switch try Account.of(uid: uid) {
        case .user(let user, let groups): .user(User(uid: uid, name: user.name, groups: groups.isEmpty ? nil : groups))
        case .unknown: .unknown
        case .subordinate(let owner): .subordinate(of: owner)
        case .dynamic: .dynamic
        }
    }
}
