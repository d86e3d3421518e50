import FluxqModel
import Synchronization

/// Knows for certain whether a request can have been read in full. The body's last byte is handed out only through
/// `release`, and nothing is handed out after `close`.
///
/// ```
/// open --release--> sent --close--> sent      it may have been billed
///  |
///  +---close--> closed                        it was never sent in full and cannot be any more
/// ```
final class SendGate: Sendable {
    private enum State {
        case open
        case sent(Timestamp)
        case closed
    }

    private let state = Mutex(State.open)

    /// Called just before the last byte is handed to the connection.
    /// - Returns: false where the call is over and the byte must stay here.
    func release(at now: Timestamp) -> Bool {
        state.withLock { state in
            guard case .open = state else { return false }
            state = .sent(now)
            return true
        }
    }

    /// Called when the call is over.
    /// - Returns: when the last byte was handed over; nil if it never was and now never will be.
    func close() -> Timestamp? {
        state.withLock { state in
            switch state {
            case .sent(let time): return time
            case .open, .closed:
                state = .closed
                return nil
            }
        }
    }

    var isOpen: Bool {
        state.withLock { if case .open = $0 { true } else { false } }
    }
}
