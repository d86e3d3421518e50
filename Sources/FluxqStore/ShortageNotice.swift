import FluxqModel
import Synchronization

/// Holds what the workers know of the room on the disk, for everybody who looks at a job or at the queue. It is not in the
/// database, which a full disk may keep from being written.
final class ShortageNotice: Sendable {
    private let state = Mutex<Shortage?>(nil)

    var present: Shortage? { state.withLock { $0 } }

    /// - Returns: what there was before.
    func replace(_ shortage: Shortage?) -> Shortage? {
        state.withLock { state in
            defer { state = shortage }
            return state
        }
    }
}
