import Synchronization

/// The state of a connection for other tasks than its own.
final class ConnectionState: Sendable {
    private struct State {
        var isGone = false
        var requestsAwaited = 0
        var isAwaitingRequest = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// The number of the request that the connection waits for; nil while one is read or answered.
    var awaitedRequest: Int? {
        state.withLock { $0.isAwaitingRequest ? $0.requestsAwaited : nil }
    }

    func beginAwaitingRequest() {
        state.withLock { state in
            state.requestsAwaited += 1
            state.isAwaitingRequest = true
        }
    }

    func endAwaitingRequest() {
        state.withLock { $0.isAwaitingRequest = false }
    }

    /// Called when the client has closed the connection.
    func clientLeft() {
        state.withLock { state in
            state.isGone = true
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    /// Returns when the client has disconnected or the task is canceled. Only one task at a time may wait.
    func clientLeaves() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isGone || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }?.resume()
        }
    }
}
