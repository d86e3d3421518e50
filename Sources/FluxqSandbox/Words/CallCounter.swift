import Synchronization

/// Counts how often each thing has happened. It forgets everything when the limit is reached: what is counted here are the
/// first few calls or downloads of something, and a sandbox may play them again.
final class CallCounter: Sendable {
    private let counts = Mutex<[String: Int]>([:])
    private static let limit = 100_000

    /// Which time it is, from 1.
    func next(_ key: String) -> Int {
        counts.withLock { counts in
            if counts.count >= Self.limit { counts = [:] }
            let count = counts[key, default: 0] + 1
            counts[key] = count
            return count
        }
    }
}
