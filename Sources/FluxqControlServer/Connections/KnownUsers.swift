package import FluxqUsers
import NIOCore
import NIOPosix
import Synchronization

/// What this host knows of uids, remembered for a while: a lookup may ask a server far away.
///
/// Each lookup runs on a thread of its own, one at a time for each uid. While one takes long, or the user database does not
/// answer, the last known entry holds.
package final class KnownUsers: Sendable {
    package struct Entry: Hashable, Sendable {
        package var name: String
        package var groups: Set<UInt32>

        package init(name: String, groups: Set<UInt32>) {
            self.name = name
            self.groups = groups
        }
    }

    /// What a lookup finds.
    package enum Standing: Hashable, Sendable {
        case user(Entry)
        /// The user database has nobody with that number.
        case unknown
        /// One of the many uids that another user may take on.
        case subordinate(of: String)
        /// One that changes hands from service to service.
        case dynamic

        fileprivate var user: Entry? {
            if case .user(let entry) = self { entry } else { nil }
        }
    }

    /// How long a request waits for a lookup.
    package struct Patience: Hashable, Sendable {
        /// Of a user who is known, from the lookup's beginning.
        package var known = Duration.milliseconds(500)
        /// Of somebody who is not, from the request's beginning.
        package var unknown = Duration.seconds(10)

        package init() {}
    }

    private struct Remembered<Value: Sendable>: Sendable {
        var value: Value
        var until: ContinuousClock.Instant
    }

    private struct Lookup {
        let begun: ContinuousClock.Instant
        /// `forget` was called since: what it finds is asked for again.
        var isOutdated = false
        /// Each is finished when the lookup has ended.
        var waiting: [Int: AsyncStream<Never>.Continuation] = [:]
    }

    private struct State {
        var users: [UInt32: Remembered<Entry>] = [:]
        /// Everybody else; nil if the lookup failed.
        var others: [UInt32: Remembered<Standing?>] = [:]
        var lookups: [UInt32: Lookup] = [:]
        var waits = 0
    }

    private enum Step {
        case known(Standing?)
        case wait(Wait)
    }

    /// One request's, for the end of a lookup.
    private struct Wait {
        let number: Int
        let lookupBegun: ContinuousClock.Instant
        let ended: AsyncStream<Never>
        let continuation: AsyncStream<Never>.Continuation
    }

    private static let lifetime = Duration.seconds(60)
    /// Of what is no user, and after a lookup that failed: a new account gets in, and a database is asked again, this soon.
    private static let shortLifetime = Duration.seconds(5)
    /// Accounts of this host. More than that is forgotten, the oldest first.
    private static let mostUsers = 16384
    private static let mostOthers = 1024
    /// At once. While so many do not end, somebody else is not looked up.
    static let mostLookups = 64

    private let lookUp: @Sendable (UInt32) throws -> Standing
    private let subordinates: SubordinateTable?
    private let patience: Patience
    private let state = Mutex(State())

    /// Of this host.
    package convenience init() {
        self.init(subordinates: .ofThisHost, lookUp: Self.ofThisHost)
    }

    /// - Parameters:
    ///   - subordinates: of whose numbers none is looked up.
    ///   - lookUp: may block, for however long.
    package init(
        patience: Patience = .init(), subordinates: SubordinateTable? = nil,
        lookUp: @escaping @Sendable (UInt32) throws -> Standing
    ) {
        self.patience = patience
        self.subordinates = subordinates
        self.lookUp = lookUp
    }

    /// As it was last known, however long ago; nil for somebody who is not known as a user.
    func lastKnown(_ uid: UInt32) -> Entry? {
        state.withLock { $0.users[uid]?.value }
    }

    /// Reads what is read before anybody comes. Blocks, for as long as the file system does.
    func prepare() {
        // A failure is told by the first lookup, which reads it as well.
        _ = try? subordinates?.current()
    }

    /// Whether somebody who is not known as a user is another one's subordinate, as far as that can be told without a lookup.
    /// One person may come as 65,536 of them, each of which would have to be looked up.
    func subordination(of uid: UInt32) -> SubordinateTable.Verdict {
        subordinates?.verdict(on: uid) ?? .none
    }

    /// Looks the uid up, if what is known of it is not new enough.
    ///
    /// - Returns: nil if nothing is known, and the user database has not answered, or not in time.
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

    /// Makes the next request ask the database again. Until that has answered, what was last known of a user holds.
    func forget() {
        subordinates?.forget()
        state.withLock { state in
            let now = ContinuousClock.now
            state.users = state.users.mapValues { Remembered(value: $0.value, until: min($0.until, now)) }
            state.others.removeAll()
            for uid in state.lookups.keys { state.lookups[uid]?.isOutdated = true }
        }
    }

    /// What is known well enough, or what to wait for; begins the lookup if it has not begun.
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

    /// Returns when the lookup has ended, the deadline has come, or the task is canceled. By a timer that is taken back: one
    /// of the language's own would wake an idle process once more.
    private static func end(of wait: Wait, until deadline: ContinuousClock.Instant) async {
        let timeout = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(deadline - .now)) {
            wait.continuation.finish()
        }
        for await _ in wait.ended {}
        timeout.cancel()
    }

    /// Blocks.
    package static let ofThisHost: @Sendable (UInt32) throws -> Standing = { uid in
        switch try Account.of(uid: uid) {
        case .user(let user, let groups): .user(Entry(name: user.name, groups: groups))
        case .unknown: .unknown
        case .subordinate(let owner): .subordinate(of: owner)
        case .dynamic: .dynamic
        }
    }
}
