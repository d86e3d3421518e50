import FluxqModel
import Synchronization

/// The workers' current information about the disk space, for everyone who looks at a job or the queue. It is not in
/// the database, because a full disk may prevent writes to it.
final class ShortageNotice: Sendable {
    private let state = Mutex<Shortage?>(nil)

    var present: Shortage? { state.withLock { $0 } }

    /// - Returns: the previous value.
    func replace(_ shortage: Shortage?) -> Shortage? {
        state.withLock { state in
            defer { state = shortage }
            return state
        }
    }
}
