import NIOPosix

/// Runs blocking work on NIO's threads for it, away from those that Swift's tasks share.
///
/// The work is done to its end even where the task is canceled meanwhile: what has been paid for still gets archived.
func offloaded<Value: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> Value
) async throws(Failure) -> Value {
    let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
        // The state that `submit` hands over says "cancelled" only in a pool that was shut down: never the singleton.
        NIOThreadPool.singleton.submit { _ in
            continuation.resume(returning: Result { () throws(Failure) in try work() })
        }
    }
    return try result.get()
}
