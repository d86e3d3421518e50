import Synchronization

/// Lets each user do one thing at a time, in the order in which they came; different users do not wait for each other.
final class Turns: Sendable {
    /// Who waits for a user's turn. A user who is not in it has none.
    private let waiting = Mutex<[UInt32: [CheckedContinuation<Void, Never>]]>([:])

    func take<Value: Sendable>(_ uid: UInt32, _ body: @Sendable () async throws -> Value) async throws -> Value {
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
