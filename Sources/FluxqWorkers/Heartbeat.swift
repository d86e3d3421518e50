import FluxqStore
import Synchronization

/// Shows that a loop still goes round: who asks is answered by the loop's next pass, and by nothing else.
final class Heartbeat: Sendable {
    private struct State {
        var hasEnded = false
        var nextAsker: UInt64 = 0
        var askers: [UInt64: CheckedContinuation<Void, any Error>] = [:]
    }

    private let topic: ChangeSignal.Topic
    private let signal: ChangeSignal
    private let state = Mutex(State())

    /// - Parameter topic: what the loop waits for when it has nothing to do.
    init(waking topic: ChangeSignal.Topic, of signal: ChangeSignal) {
        self.topic = topic
        self.signal = signal
    }

    /// Returns when the loop has come round, which is at once unless it hangs; also when it has ended in order.
    /// Throws when the task is canceled.
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

    /// The loop's word that it has come round.
    func beat() {
        let answered = state.withLock { state in
            defer { state.askers = [:] }
            return state.askers.values
        }
        for asker in answered { asker.resume() }
    }

    /// The loop's word that it goes round no more, because fluxqd stops.
    func end() {
        state.withLock { $0.hasEnded = true }
        beat()
    }
}
