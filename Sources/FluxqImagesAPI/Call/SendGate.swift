import FluxqModel
import NIOCore
import Synchronization

/// Knows for certain whether a peer can have read the whole request. The body's last byte leaves only through
/// `release`, nothing leaves after `close`, and the connection reports when the kernel has accepted that byte.
///
/// ```
/// open --release--> leaving --written--> sent        it may have been billed
///  |                   |
///  |                   +---close (and the connection's end)--> closed
///  +---close--> closed                        it was never sent in full and cannot be any more
/// ```
///
/// In `leaving` a guess could be wrong: the byte waits in this process while the kernel's buffer is full. So `close`
/// ends the connection and waits for its end, after which the byte has been accepted or never will be.
final class SendGate: Sendable {
    private enum State {
        case open
        case leaving(since: Timestamp)
        case sent(Timestamp)
        case closed
    }

    private let state = Mutex(State.open)
    private let connection = Mutex<(any Channel)?>(nil)
    private let trouble = Mutex<String?>(nil)

    /// Called with the request's connection before its first byte is written.
    func connect(_ channel: any Channel) {
        connection.withLock { $0 = channel }
    }

    /// Called by the connection when the answer breaks off.
    func breakOffAnswer(because trouble: String) {
        self.trouble.withLock { $0 = trouble }
    }

    /// The reason why the answer broke off, such as "the other side closed the connection"; nil if it did not, or not
    /// yet.
    var answerTrouble: String? { trouble.withLock { $0 } }

    /// Called just before the last byte is handed to the connection.
    /// - Returns: false if the call is over and the byte must not be sent.
    func release(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard case .open = state else { return false }
            state = .leaving(since: now)
            return true
        }
    }

    /// Called by the connection once the kernel has accepted the last byte.
    func written(at now: Timestamp) {
        state.withLock { state in
            if case .leaving = state { state = .sent(now) }
        }
    }

    /// Called when the call is over.
    /// - Returns: the time when the last byte was handed to the kernel; nil if it never was and never will be.
    func close() async -> Timestamp? {
        let isLeaving = state.withLock { state in
            switch state {
            case .leaving: return true
            case .sent: return false
            case .open, .closed:
                state = .closed
                return false
            }
        }
        if isLeaving { await endConnection() }
        return state.withLock { state in
            switch state {
            case .sent(let time): return time
            case .leaving(let time):
                // The byte has no connection yet, so it is unknown where it is.
                if connection.withLock({ $0 }) == nil { return time }
                state = .closed
                return nil
            case .open, .closed: return nil
            }
        }
    }

    /// The time when the last byte was handed over, as far as it is known yet.
    var sentAt: Timestamp? {
        state.withLock { state in
            switch state {
            case .leaving(let time), .sent(let time): time
            case .open, .closed: nil
            }
        }
    }

    var isOpen: Bool {
        state.withLock { if case .open = $0 { true } else { false } }
    }

    /// When a channel has closed, each of its writes has succeeded or failed.
    private func endConnection() async {
        guard let channel = connection.withLock({ $0 }) else { return }
        channel.close(promise: nil)
        // This never fails. Even if it did, `state` would still show what has been written.
        try? await channel.closeFuture.get()
    }
}
