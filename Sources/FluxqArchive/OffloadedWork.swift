import FluxqModel
import NIOPosix

/// Runs blocking work away from the threads that Swift's tasks share: on NIO's threads for it, or where it is told to.
///
/// The work is done to its end even where the task is canceled meanwhile: what has been paid for still gets archived.
struct OffloadedWork: Sendable {
    /// nil is NIO's threads.
    let blocking: BlockingWork?

    func callAsFunction<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            let run = { @Sendable in continuation.resume(returning: Result { () throws(Failure) in try work() }) }
            if let blocking {
                blocking(run)
            } else {
                // The state that `submit` hands over says "cancelled" only in a pool that was shut down: never the singleton.
                NIOThreadPool.singleton.submit { _ in run() }
            }
        }
        return try result.get()
    }
}
