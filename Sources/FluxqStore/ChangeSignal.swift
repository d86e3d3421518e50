package import FluxqModel
import Synchronization

/// Wakes tasks that wait for committed changes, so that nothing polls.
///
/// ```
/// var seen = signal.count
/// while !(read the store; is the awaited state reached?) { seen = await signal.change(of: .job(id), after: seen) }
/// ```
package final class ChangeSignal: Sendable {
    package enum Topic: Hashable, Sendable {
        /// A job may have become callable, or the queue was opened.
        case calls
        /// A picture may have become due for a download.
        case downloads
        /// An input was added.
        case inputs
        case job(JobID)
        /// An event was added to that owner's event log.
        case owner(uid: UInt32)
        /// An event was added to any owner's event log.
        case everybody
        /// An event about the whole queue was added to the event log.
        case queue

        /// True for the few topics that always have a waiter.
        fileprivate var isStanding: Bool {
            switch self {
            case .calls, .downloads, .inputs, .everybody, .queue: true
            case .job, .owner: false
            }
        }
    }

    private struct State {
        var count: UInt64 = 0
        /// The number of the latest change of each standing topic.
        var latest: [Topic: UInt64] = [:]
        var nextWaiter: UInt64 = 0
        var waiters: [Topic: [UInt64: CheckedContinuation<Void, Never>]] = [:]

        /// Numbers are not kept for each job and each owner: any change may have been theirs.
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

    /// The number of changes so far.
    package var count: UInt64 { state.withLock { $0.count } }

    /// The number of tasks that wait now.
    var waiting: Int { state.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }

    /// Returns once the topic has changed since `seen`. For a job or an owner it returns immediately if anything has
    /// changed, so the caller must check again. Returns immediately when the task is canceled.
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

    /// Reports that a commit has changed these topics.
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
