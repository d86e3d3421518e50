import FluxqModel
import Synchronization

@testable import FluxqWorkers

/// A wall clock that only the test sets. A sleeper wakes when it is set to its time or later.
final class ManualClock: WorkClock {
    private struct State {
        var time: Timestamp
        var nextSleeper = 0
        var sleepers: [Int: (until: Timestamp, continuation: CheckedContinuation<Void, any Error>)] = [:]
        /// The end of a sleep, for a test that waits for it.
        var watchers: [(Timestamp, CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    init(_ time: Timestamp) {
        state = Mutex(State(time: time))
    }

    func now() -> Timestamp { state.withLock { $0.time } }

    func set(to time: Timestamp) {
        let woken = state.withLock { state in
            state.time = time
            let over = state.sleepers.filter { $0.value.until <= time }
            for sleeper in over.keys { state.sleepers[sleeper] = nil }
            return over.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Returns when some task sleeps until exactly that time.
    func sleeper(until time: Timestamp) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.values.contains(where: { $0.until == time }) { return true }
                state.watchers.append((time, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func sleep(until time: Timestamp) async throws {
        let sleeper = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                var watching: [CheckedContinuation<Void, Never>] = []
                let end: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.time >= time { return .success(()) }
                    state.sleepers[sleeper] = (time, continuation)
                    watching = state.watchers.filter { $0.0 == time }.map(\.1)
                    state.watchers.removeAll { $0.0 == time }
                    return nil
                }
                if let end { continuation.resume(with: end) }
                for watcher in watching { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: sleeper) }?.continuation.resume(
                throwing: CancellationError())
        }
    }
}
