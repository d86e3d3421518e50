import FluxqModel
import FluxqStore
import Logging
import Synchronization

/// The looks of administrators at others' jobs that the owners know of. An owner is told of each administrator's look
/// at a job once an hour, however often it is repeated.
final class ToldLooks: Sendable {
    struct Look: Hashable {
        let job: JobID
        let actor: UInt32
        let kind: EventKind
    }

    private static let lasting = Duration.seconds(3600)
    /// Maximum number remembered. Beyond it all may be dropped, and owners may be told again sooner.
    private static let most = 100_000

    private let told = Mutex<[Look: ContinuousClock.Instant]>([:])

    /// Returns the looks that are new, and remembers them as told.
    func news(_ looks: [Look], now: ContinuousClock.Instant = .now) -> [Look] {
        told.withLock { told in
            let news = looks.filter { look in told[look].map { now - $0 >= Self.lasting } ?? true }
            if told.count + news.count > Self.most { told = told.filter { now - $0.value < Self.lasting } }
            if told.count + news.count > Self.most { told = [:] }
            for look in news { told[look] = now }
            return news
        }
    }
}

extension Routes {
    /// Tells the owners by an event that an administrator viewed or fetched their jobs. If the event cannot be written,
    /// such as on a full disk, the administrator may still look.
    func tellOwners(of jobs: [JobID], _ kind: EventKind, to caller: Caller) async {
        guard caller.isAdministrator else { return }
        let news = told.news(jobs.map { .init(job: $0, actor: caller.uid, kind: kind) })
        guard !news.isEmpty else { return }
        do {
            try await store.noteLooks(at: news.map(\.job), kind, by: caller)
        } catch {
            userLog.log(
                .warning, "Cannot record in the owners' events that an administrator looked at their jobs.",
                of: caller.uid,
                ["error": "\(error)"])
        }
    }
}
