import NIOCore
import Synchronization

/// The calls in progress, so that all of them can be ended at once.
final class LiveCalls: Sendable {
    private struct State {
        var stopped = false
        var channels: [ObjectIdentifier: any Channel] = [:]
        var pauses: [Int: Task<Void, any Error>] = [:]
        var pausesSoFar = 0
    }

    private let state = Mutex(State())

    /// - Throws: `CancellationError` after `stop`.
    func begin(_ channel: any Channel) throws {
        try state.withLock { state in
            if state.stopped { throw CancellationError() }
            state.channels[ObjectIdentifier(channel)] = channel
        }
    }

    func end(_ channel: any Channel) {
        state.withLock { $0.channels[ObjectIdentifier(channel)] = nil }
    }

    /// Waits for that time.
    ///
    /// - Throws: `CancellationError` as soon as all calls are stopped.
    func pause(for duration: Duration) async throws {
        guard duration > .zero else { return }
        // A separate task, because `stop` ends it from elsewhere without ending the waiting call.
        let pause = Task { try await Task.sleep(for: duration) }
        let number = state.withLock { state in
            state.pausesSoFar += 1
            if state.stopped {
                pause.cancel()
            } else {
                state.pauses[state.pausesSoFar] = pause
            }
            return state.pausesSoFar
        }
        defer { state.withLock { _ = $0.pauses.removeValue(forKey: number) } }
        try await withTaskCancellationHandler {
            try await pause.value
        } onCancel: {
            pause.cancel()
        }
    }

    /// Ends every pause and closes every connection with a call, now and from now on.
    func stop() {
        let (channels, pauses) = state.withLock { state in
            state.stopped = true
            return (Array(state.channels.values), Array(state.pauses.values))
        }
        for pause in pauses { pause.cancel() }
        for channel in channels { channel.close(promise: nil) }
    }
}
