import Synchronization

/// Serializes operations of the same user, in order of arrival; different users do not wait for each other.
package final class PerUserLock: Sendable {
    /// The tasks that wait, by uid. A uid without an entry has no operation in progress.
    private let waiting = Mutex<[UInt32: [CheckedContinuation<Void, Never>]]>([:])

    /// The number of tasks that wait for that user's turn.
    func waiting(uid: UInt32) -> Int { waiting.withLock { $0[uid]?.count ?? 0 } }

    package init() {}

    package func take<Value, Failure: Error>(
        _ uid: UInt32, isolation: isolated (any Actor)? = #isolation, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        await withCheckedContinuation { continuation in
            let isFirst = waiting.withLock { waiting in
                guard waiting[uid] != nil else {
                    waiting[uid] = []
                    return true
                }
                waiting[uid]?.append(continuation)
                return false
            }
            if isFirst { continuation.resume() }
        }
        defer {
            waiting.withLock { waiting in
                guard let next = waiting[uid]?.first else {
                    waiting[uid] = nil
                    return CheckedContinuation<Void, Never>?.none
                }
                waiting[uid]?.removeFirst()
                return next
            }?.resume()
        }
        return try await body()
    }
}
