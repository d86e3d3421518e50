import Glibc
import Synchronization

/// The subordinate ranges in memory, with their owners' uids, so that the owner of a subordinate uid is found without a
/// lookup.
///
/// When a user connects, but at most once a second, it checks whether the file has changed, and if so reads it again.
/// Each owner's name is looked up once, however many of its uids connect.
package final class SubordinateTable: Sendable {
    package enum Verdict: Hashable, Sendable {
        /// In no user's range, or in the uid's own.
        case none
        case subordinate(of: String)
        /// In the range of an owner whose own uid is not known yet.
        case unsettled
    }

    package static let ofThisHost = SubordinateTable()

    /// Shows whether the file has changed.
    private struct Stamp: Hashable {
        var device: UInt64
        var inode: UInt64
        var bytes: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private struct Owner {
        /// nil if the database has no user of that name.
        var uid: UInt32?
        var until: ContinuousClock.Instant
    }

    private struct State {
        var ranges = SubordinateRanges("")
        var stamp: Stamp?
        var isRead = false
        var lookedAt: ContinuousClock.Instant?
        var isLooking = false
        var owners: [String: Owner] = [:]
        /// The names that are being looked up.
        var asked: Set<String> = []
        /// After a failed lookup: the earliest time of the next one.
        var pauses: [String: ContinuousClock.Instant] = [:]
    }

    private static let pause = Duration.seconds(1)
    private static let pauseAfterFailure = Duration.seconds(5)

    private let path: String
    private let lifetime: Duration
    private let ownerUID: @Sendable (String) throws -> UInt32?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: of subuid(5)'s file.
    ///   - lifetime: how long the uid of a user name is used without another lookup.
    ///   - ownerUID: returns the uid for a user name, nil if there is none; may block for any time.
    package init(
        _ path: String = SubordinateRanges.standardFile, lifetime: Duration = .seconds(60),
        ownerUID: @escaping @Sendable (String) throws -> UInt32? = { try UserDatabase.user(named: $0)?.uid }
    ) {
        self.path = path
        self.lifetime = lifetime
        self.ownerUID = ownerUID
    }

    /// The file's current ranges. Blocks as long as the file system does.
    package func current() throws(UserDatabase.Failure) -> SubordinateRanges {
        let stamp = stamp()
        if let known = state.withLock({ $0.isRead && $0.stamp == stamp ? $0.ranges : nil }) { return known }
        // If the file changes between the two calls, the next call reads it again.
        let ranges = try SubordinateRanges.read(path)
        state.withLock { ($0.ranges, $0.stamp, $0.isRead) = (ranges, stamp, true) }
        return ranges
    }

    /// Answers from memory, without waiting. Starts the lookups of missing data.
    package func verdict(on uid: UInt32) -> Verdict {
        // Root and this process's own user are never subordinate uids of another user.
        if uid == 0 || uid == geteuid() { return .none }
        let (verdict, looks, asks) = state.withLock { state -> (Verdict, Bool, [String]) in
            let now = ContinuousClock.now
            let looks = !state.isLooking && state.lookedAt.map { now - $0 >= Self.pause } != false
            if looks { (state.isLooking, state.lookedAt) = (true, now) }
            let (verdict, asks) = Self.verdict(on: uid, &state, now)
            return (verdict, looks, asks)
        }
        if looks {
            Task {
                // If the file cannot be read, the known ranges are kept; a user lookup reports the error.
                _ = try? await LookupThread.run { try self.current() }
                state.withLock { $0.isLooking = false }
            }
        }
        for owner in asks { ask(owner) }
        return verdict
    }

    /// Makes the next check look everything up again. Until then the known data is used.
    package func forget() {
        state.withLock { state in
            state.lookedAt = nil
            state.pauses = [:]
            let now = ContinuousClock.now
            state.owners = state.owners.mapValues { Owner(uid: $0.uid, until: min($0.until, now)) }
        }
    }

    /// - Returns: the verdict, and the names to look up now.
    private static func verdict(
        on uid: UInt32, _ state: inout State, _ now: ContinuousClock.Instant
    ) -> (Verdict, asks: [String]) {
        var asks: [String] = []
        var isUnsettled = false
        for name in state.ranges.owners(of: uid) {
            // A uid other than `uid`, which `owners(of:)` leaves out.
            if UInt32(name) != nil { return (.subordinate(of: name), asks) }
            let known = state.owners[name]
            if known.map({ now < $0.until }) != true, !state.asked.contains(name),
                state.pauses[name].map({ now >= $0 }) != false
            {
                state.asked.insert(name)
                asks.append(name)
            }
            guard let known else {
                isUnsettled = true
                continue
            }
            if known.uid != uid { return (.subordinate(of: name), asks) }
        }
        return (isUnsettled ? .unsettled : .none, asks)
    }

    private func ask(_ owner: String) {
        Task {
            do {
                learn(owner, try await LookupThread.run { [ownerUID] in try ownerUID(owner) })
            } catch {
                state.withLock { state in
                    state.asked.remove(owner)
                    state.pauses[owner] = .now + Self.pauseAfterFailure
                }
            }
        }
    }

    private func learn(_ owner: String, _ uid: UInt32?) {
        state.withLock { state in
            let now = ContinuousClock.now
            state.asked.remove(owner)
            state.pauses[owner] = nil
            state.owners[owner] = Owner(uid: uid, until: now + lifetime)
            // Drops names that are no longer used or no longer in the file.
            state.owners = state.owners.filter { now - $0.value.until < lifetime }
        }
    }

    /// nil for a missing file.
    private func stamp() -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), bytes: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
