import Synchronization

/// What others than a connection's own task need to know of it.
final class ConnectionState: Sendable {
    private struct State {
        var isGone = false
        var isReadingBody = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// A request has begun whose body is not yet read to its end.
    var isReadingBody: Bool {
        get { state.withLock { $0.isReadingBody } }
        set { state.withLock { $0.isReadingBody = newValue } }
    }

    /// Says that the client has closed the connection.
    func clientLeft() {
        state.withLock { state in
            state.isGone = true
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    /// Returns when the client has gone or the task is canceled. One task at a time waits.
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
