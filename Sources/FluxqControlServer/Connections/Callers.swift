import FluxqControl
import FluxqHost
import FluxqModel
import FluxqStore
import Logging
import Synchronization

/// Identifies the caller of each request by uid. It does so again for every request, because the user database and the
/// configuration may have changed since the last one.
final class Callers: Sendable {
    private let users: KnownUsers
    private let store: Store
    /// The names under which uids have connected and were found to be the owners'.
    private let recognized = Mutex<[UInt32: String]>([:])
    private let settings: Reloadable<ControlServer.Settings>
    private let logger: Logger
    private let userLog: UserLog
    private let toldAt = Mutex(ContinuousClock.Instant?.none)
    /// The pause between two log lines about a user database that does not respond.
    private static let pauseOfLog = Duration.seconds(60)
    private static let mostRecognized = 16384

    init(
        _ users: KnownUsers, store: Store, settings: Reloadable<ControlServer.Settings>, logger: Logger,
        userLog: UserLog
    ) {
        self.users = users
        self.store = store
        self.settings = settings
        self.logger = logger
        self.userLog = userLog
    }

    /// Returns immediately, from what was last known, so that a connection gets a place before the lookup.
    func visitor(_ peer: Peer) -> ConnectionCap.Visitor {
        guard let uid = peer.uid else { return .stranger }
        let administrators = administrators(at: peer.entrance)
        // A dynamic uid is never an administrator: its next user would be one too.
        if Account.isDynamic(uid) { return .stranger }
        if administrators.names(uid) { return .administrator(uid) }
        guard let user = users.lastKnown(uid) else {
            return users.subordination(of: uid) == .none ? .newcomer(uid) : .stranger
        }
        return administrators.contains(user) ? .administrator(uid) : .user(uid)
    }

    /// The reason why a connection of that peer got no place.
    func reasonForRefusal(_ peer: Peer) -> Problem {
        guard let uid = peer.uid else { return .nobody }
        if Account.isDynamic(uid) { return .dynamicUser(uid) }
        if administrators(at: peer.entrance).names(uid) || users.lastKnown(uid) != nil { return .tooManyConnections }
        switch users.subordination(of: uid) {
        case .subordinate(let owner): return .subordinateUser(uid, of: owner)
        case .unsettled: return .userDatabaseSilent
        case .none: return .tooManyConnections
        }
    }

    /// - Throws: the reason why the uid is not a user here, or that this cannot be determined now.
    func caller(_ uid: UInt32, at entrance: Entrance) async throws(Problem) -> Caller {
        let standing = await users.standing(of: uid)
        let administrators = administrators(at: entrance)
        let isNamed = administrators.names(uid)
        if User.numbersOfNobody.contains(uid) { throw .unknownUser(uid) }
        switch standing {
        case .user(let user):
            // An administrator named by uid must be able to settle other uids, so this one's name is not checked.
            if !isNamed, try await !isRecognized(uid, as: user.name) { throw .numberOfAnother(uid) }
            return Caller(user, isAdministrator: administrators.contains(user))
        case .unknown where isNamed || settings.current.admitsUnknownUsers:
            return Caller(uid: uid, name: String(uid), isAdministrator: isNamed)
        case .unknown: throw .unknownUser(uid)
        case .subordinate(let owner): throw .subordinateUser(uid, of: owner)
        case .dynamic: throw .dynamicUser(uid)
        case nil:
            tell(uid)
            // An administrator named by uid needs no entry, and may have come to find the problem.
            if isNamed { return Caller(uid: uid, name: String(uid), isAdministrator: true) }
            throw .userDatabaseSilent
        }
    }

    private func administrators(at entrance: Entrance) -> Administrators {
        entrance.admitsAdministrators ? settings.current.administrators : .none
    }

    /// True if the uid still belongs to its owner, judged by the name.
    private func isRecognized(_ uid: UInt32, as name: String) async throws(Problem) -> Bool {
        if recognized.withLock({ $0[uid] == name }) { return true }
        do {
            if let held = try await store.recognize(uid, as: name) {
                userLog.log(
                    .warning,
                    "A uid has another user name than before and is blocked. Run: fluxq user UID renamed|replaced",
                    of: uid, ["name": "\(held.name)", "came_as": "\(held.cameAs)"])
                return false
            }
        } catch {
            throw Problem(error)
        }
        recognized.withLock { recognized in
            if recognized.count >= Self.mostRecognized { recognized.removeAll() }
            recognized[uid] = name
        }
        return true
    }

    private func tell(_ uid: UInt32) {
        let isDue = toldAt.withLock { toldAt in
            let now = ContinuousClock.now
            if let last = toldAt, now - last < Self.pauseOfLog { return false }
            toldAt = now
            return true
        }
        if isDue {
            logger.warning(
                "The user database does not respond; users not seen before are told to try again later.",
                metadata: ["uid": "\(uid)"])
        }
    }
}
