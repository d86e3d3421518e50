import FluxqModel

/// The answer to a request of the OpenAI-compatible routes, as its client sees it.
enum DoorAnswer: Hashable, Sendable {
    case done(JobID)
    case failed(JobID, FailureReason)
    /// The job is not over, and the client does not wait.
    case accepted(JobID)
    /// No job was made.
    case refused
}

/// One connection of a client of the OpenAI-compatible routes, with one request.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class DoorConnection: @unchecked Sendable {
    private(set) var isOpen = true
    /// True if fluxqd stops, and ends the connection as soon as it can.
    private(set) var isEnding = false
    /// The answer, once its last byte has arrived.
    private(set) var answer: DoorAnswer?
    private var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter = 0

    /// Simulates the end of either side.
    func close() {
        isOpen = false
        wake()
    }

    func beginEnd() {
        isEnding = true
        wake()
    }

    /// Simulates the arrival of an answer's last byte. Does nothing if the connection is closed.
    func complete(_ whole: DoorAnswer) {
        guard isOpen else { return }
        answer = whole
        wake()
    }

    /// Returns at the next change of the connection's state, or when the task is canceled.
    func change() async {
        guard isOpen, !Task.isCancelled else { return }
        lastWaiter += 1
        let waiter = lastWaiter
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiters[waiter] = $0 }
        } onCancel: {
            waiters.removeValue(forKey: waiter)?.resume()
        }
    }

    private func wake() {
        let woken = waiters.sorted { $0.key < $1.key }
        waiters = [:]
        for (_, waiter) in woken { waiter.resume() }
    }
}
