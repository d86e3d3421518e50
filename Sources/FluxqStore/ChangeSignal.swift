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
        /// Something may have become callable or fetchable, or the queue opened.
        case work
        /// An input came.
        case inputs
        case job(JobID)
        /// Something in that owner's event log.
        case owner(uid: UInt32)
        /// Something in anybody's event log.
        case everybody
        /// Something in the event log about the whole queue.
        case queue
    }

    private struct State {
        var count: UInt64 = 0
        var nextWaiter: UInt64 = 0
        var waiters: [Topic: [UInt64: CheckedContinuation<Void, Never>]] = [:]

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

    /// Returns once something has changed since `seen`; it need not be of the topic, so the caller looks again.
    /// Returns at once when the task is canceled.
    package func change(of topic: Topic, after seen: UInt64) async -> UInt64 {
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.count == seen, !Task.isCancelled else { return true }
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
    package func ring(_ topics: Set<Topic>) {
        guard !topics.isEmpty else { return }
        let woken = state.withLock { state in
            state.count += 1
            return topics.flatMap { state.waiters.removeValue(forKey: $0).map { Array($0.values) } ?? [] }
        }
        for continuation in woken { continuation.resume() }
    }
}
