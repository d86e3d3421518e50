import Synchronization

/// Counts how often each thing has happened. At the limit it forgets everything: it counts only the first few calls or
/// downloads, and a sandbox may repeat them.
final class CallCounter: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    private static let limit = 100_000

    /// The count for this key, from 1.
    func next(_ key: String) -> Int {
        counts.withLock { counts in
            if counts.count >= Self.limit { counts = [:] }
            let count = counts[key, default: 0] + 1
            counts[key] = count
            return count
        }
    }
}
