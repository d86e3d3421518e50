import FluxqStore
import Synchronization

/// Shows that a loop is still running: only the loop's next iteration answers a request.
final class Heartbeat: Sendable {
    private struct State {
        var hasEnded = false
        var nextAsker: UInt64 = 0
        var askers: [UInt64: CheckedContinuation<Void, any Error>] = [:]
    }

    private let topic: ChangeSignal.Topic
    private let signal: ChangeSignal
    private let state = Mutex(State())

    /// - Parameter topic: the topic on which the loop waits when it is idle.
    init(waking topic: ChangeSignal.Topic, of signal: ChangeSignal) {
        self.topic = topic
        self.signal = signal
    }

    /// Returns after the loop's next iteration, which begins immediately unless the loop hangs. Also returns if the
    /// loop has ended normally. Throws if the task is canceled.
    func answer() async throws {
        let asker = state.withLock { state in
            state.nextAsker += 1
            return state.nextAsker
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let end: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.hasEnded { return .success(()) }
                    state.askers[asker] = continuation
                    return nil
                }
                if let end { continuation.resume(with: end) } else { signal.notify([topic]) }
            }
        } onCancel: {
            state.withLock { $0.askers.removeValue(forKey: asker) }?.resume(throwing: CancellationError())
        }
    }

    /// Called by the loop once per iteration.
    func beat() {
        let answered = state.withLock { state in
            defer { state.askers = [:] }
            return state.askers.values
        }
        for asker in answered { asker.resume() }
    }

    /// Called by the loop when it ends because fluxqd stops.
    func end() {
        state.withLock { $0.hasEnded = true }
        beat()
    }
}
