import Synchronization

/// Room of the archive's file system that is kept free for what calls may bring: uploads stay out of it.
package final class KeptRoom: Sendable {
    private let kept = Mutex<Int64>(0)

    package init() {}

    package var bytes: Int64 {
        get { kept.withLock { $0 } }
        set { kept.withLock { $0 = newValue } }
    }
}
