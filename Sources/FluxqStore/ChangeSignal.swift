package import FluxqModel
import Synchronization

/// Wakes those who wait for committed changes, so that nobody polls.
///
/// ```
/// var seen = signal.count
/// while !(look at the store; is it what we wait for?) { seen = await signal.change(of: .job(id), after: seen) }
/// ```
package final class ChangeSignal: Sendable {
    package enum Topic: Hashable, Sendable {
        /// Something may have become callable, or the queue opened.
        case calls
        /// A picture may have become fetchable.
        case downloads
        /// An input came.
        case inputs
        case job(JobID)
        /// Something in that owner's event log.
        case owner(uid: UInt32)
        /// Something in anybody's event log.
        case everybody
        /// Something in the event log about the whole queue.
        case queue

        /// One of the few that somebody always waits for.
        fileprivate var isStanding: Bool {
            switch self {
            case .calls, .downloads, .inputs, .everybody, .queue: true
            case .job, .owner: false
            }
        }
    }

    private struct State {
        var count: UInt64 = 0
        /// The numbers of the latest changes of standing topics.
        var latest: [Topic: UInt64] = [:]
        var nextWaiter: UInt64 = 0
        var waiters: [Topic: [UInt64: CheckedContinuation<Void, Never>]] = [:]

        /// Nobody keeps the numbers for each job and each owner: any change may have been theirs.
        func hasChanged(_ topic: Topic, since seen: UInt64) -> Bool {
            topic.isStanding ? latest[topic, default: 0] > seen : count > seen
        }

        mutating func removeWaiter(_ waiter: UInt64, of topic: Topic) -> CheckedContinuation<Void, Never>? {
            let continuation = waiters[topic]?.removeValue(forKey: waiter)
            if waiters[topic]?.isEmpty == true { waiters[topic] = nil }
            return continuation
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// How many changes there have been.
    package var count: UInt64 { state.withLock { $0.count } }

    /// Tasks that wait now.
    var waiting: Int { state.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }

    /// Returns once something of the topic has changed since `seen`; of a job or an owner, at once if anything has, so the
    /// caller looks again. Returns at once when the task is canceled.
    package func change(of topic: Topic, after seen: UInt64) async -> UInt64 {
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.hasChanged(topic, since: seen) || Task.isCancelled { return true }
                    state.waiters[topic, default: [:]][waiter] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.removeWaiter(waiter, of: topic) }?.resume()
        }
        return count
    }

    /// Says that a commit has changed something of these topics.
    package func notify(_ topics: Set<Topic>) {
        guard !topics.isEmpty else { return }
        let woken = state.withLock { state in
            state.count += 1
            for topic in topics where topic.isStanding { state.latest[topic] = state.count }
            return topics.flatMap { state.waiters.removeValue(forKey: $0).map { Array($0.values) } ?? [] }
        }
        for continuation in woken { continuation.resume() }
    }
}
