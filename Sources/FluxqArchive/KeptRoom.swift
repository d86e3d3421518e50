import Synchronization

/// Space of the archive's file system that is reserved for the pictures of calls. Uploads must not use it.
package final class KeptRoom: Sendable {
    private let kept = Mutex<Int64>(0)

    package init() {}

    package var bytes: Int64 {
        get { kept.withLock { $0 } }
        set { kept.withLock { $0 = newValue } }
    }
}
