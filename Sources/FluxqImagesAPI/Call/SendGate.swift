import FluxqModel
import NIOCore
import Synchronization

/// Knows for certain whether a request can have been read in full. The body's last byte is handed out only through
/// `release`, nothing is handed out after `close`, and the connection says when the system has taken that byte.
///
/// ```
/// open --release--> leaving --written--> sent        it may have been billed
///  |                   |
///  |                   +---close (and the connection's end)--> closed
///  +---close--> closed                        it was never sent in full and cannot be any more
/// ```
///
/// `leaving` is where a guess would be wrong: the byte waits in this process while the system's buffer is full. So `close`
/// ends the connection and waits for its end, after which the byte has been taken or never will be.
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

    /// Called before the request's first byte is written, with the connection that it will be written to.
    func connect(_ channel: any Channel) {
        connection.withLock { $0 = channel }
    }

    /// Called by the connection when the answer ends before its end.
    func breakOffAnswer(because trouble: String) {
        self.trouble.withLock { $0 = trouble }
    }

    /// Why the answer ended before its end, such as "the other side closed the connection"; nil if it did not, or not yet.
    var answerTrouble: String? { trouble.withLock { $0 } }

    /// Called just before the last byte is handed to the connection.
    /// - Returns: false if the call is over and the byte must stay here.
    func release(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard case .open = state else { return false }
            state = .leaving(since: now)
            return true
        }
    }

    /// Called by the connection once the system has taken the last byte.
    func written(at now: Timestamp) {
        state.withLock { state in
            if case .leaving = state { state = .sent(now) }
        }
    }

    /// Called when the call is over.
    /// - Returns: when the last byte was handed to the system; nil if it never was and now never will be.
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
                // A byte that no connection has taken charge of: nobody could say where it is.
                if connection.withLock({ $0 }) == nil { return time }
                state = .closed
                return nil
            case .open, .closed: return nil
            }
        }
    }

    /// When the last byte was handed over, as far as that is known by now.
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
        // It never fails; where it did, the state would still say what has been written.
        try? await channel.closeFuture.get()
    }
}
