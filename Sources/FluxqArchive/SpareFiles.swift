import Glibc
import Synchronization

/// Temporary files for reuse: renaming a file costs much less than creating and removing one.
final class SpareFiles: Sendable {
    private static let most = 16

    private let paths = Mutex<[String]>([])

    deinit {
        // If this fails, the next start removes the files.
        for path in paths.withLock({ $0 }) { _ = unlink(path) }
    }

    func take() -> String? { paths.withLock { $0.popLast() } }

    /// - Returns: false if there are enough spare files.
    func put(_ path: String) -> Bool {
        paths.withLock { paths in
            guard paths.count < Self.most else { return false }
            paths.append(path)
            return true
        }
    }
}
