import Glibc
import Synchronization

/// Temporary files that can be written again: to rename a file costs much less than to make one and to remove it.
final class SpareFiles: Sendable {
    private static let most = 16

    private let paths = Mutex<[String]>([])

    deinit {
        // What stays nonetheless is removed by the next start.
        for path in paths.withLock({ $0 }) { _ = unlink(path) }
    }

    func take() -> String? { paths.withLock { $0.popLast() } }

    /// - Returns: false if there are enough.
    func put(_ path: String) -> Bool {
        paths.withLock { paths in
            guard paths.count < Self.most else { return false }
            paths.append(path)
            return true
        }
    }
}
