import Glibc
import Synchronization

/// The subordinate ranges in memory, with the numbers of their owners, so that it costs no lookup to tell whose a
/// subordinate uid is.
///
/// The file is read again when it has changed, which is looked at when somebody comes, at most once a second. Each owner's
/// name is looked up once, however many of its uids come.
package final class SubordinateTable: Sendable {
    package enum Verdict: Hashable, Sendable {
        /// In nobody's range, or in the uid's own.
        case none
        case subordinate(of: String)
        /// In the range of an owner whose own number is not known yet.
        case unsettled
    }

    package static let ofThisHost = SubordinateTable()

    /// By which a file that was written since is told.
    private struct Stamp: Hashable {
        var device: UInt64
        var inode: UInt64
        var bytes: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private struct Owner {
        /// nil if the database knows nobody of that name.
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
        /// Whose names are being looked up.
        var asked: Set<String> = []
        /// After a failure: not before then.
        var pauses: [String: ContinuousClock.Instant] = [:]
    }

    private static let pause = Duration.seconds(1)
    private static let lifetime = Duration.seconds(60)
    private static let pauseAfterFailure = Duration.seconds(5)

    private let path: String
    private let ownerUID: @Sendable (String) throws -> UInt32?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: of subuid(5)'s file.
    ///   - ownerUID: the number of a user by name, nil if there is none; may block, for however long.
    package init(
        _ path: String = SubordinateRanges.standardFile,
        ownerUID: @escaping @Sendable (String) throws -> UInt32? = { try UserDatabase.user(named: $0)?.uid }
    ) {
        self.path = path
        self.ownerUID = ownerUID
    }

    /// The ranges as the file has them now. Blocks, for as long as the file system does.
    package func current() throws(UserDatabase.Failure) -> SubordinateRanges {
        let stamp = stamp()
        if let known = state.withLock({ $0.isRead && $0.stamp == stamp ? $0.ranges : nil }) { return known }
        // Written between the two, it is read once more the next time.
        let ranges = try SubordinateRanges.read(path)
        state.withLock { ($0.ranges, $0.stamp, $0.isRead) = (ranges, stamp, true) }
        return ranges
    }

    /// By what is in memory, at once. What it lacks is on its way then.
    package func verdict(on uid: UInt32) -> Verdict {
        // Root, and the user of this process, stand for nobody else.
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
                // If it cannot be read, what was known of it holds; a lookup of somebody tells why.
                _ = try? await LookupThread.run { try self.current() }
                state.withLock { $0.isLooking = false }
            }
        }
        for owner in asks { ask(owner) }
        return verdict
    }

    /// Looks everything up again, when somebody comes. What was known holds meanwhile.
    package func forget() {
        state.withLock { state in
            state.lookedAt = nil
            state.pauses = [:]
            let now = ContinuousClock.now
            state.owners = state.owners.mapValues { Owner(uid: $0.uid, until: min($0.until, now)) }
        }
    }

    /// - Returns: with whose names have to be looked up now.
    private static func verdict(
        on uid: UInt32, _ state: inout State, _ now: ContinuousClock.Instant
    ) -> (Verdict, asks: [String]) {
        var asks: [String] = []
        var isUnsettled = false
        for name in state.ranges.owners(of: uid) {
            // A number other than the uid, which the ranges have looked at.
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
            state.owners[owner] = Owner(uid: uid, until: now + Self.lifetime)
            // Of names that nobody comes for any more, or that the file no longer has.
            state.owners = state.owners.filter { now - $0.value.until < Self.lifetime }
        }
    }

    /// nil for a file that is not there.
    private func stamp() -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), bytes: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
