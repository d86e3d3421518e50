import FluxqHost
import FluxqModel
import NIOPosix

/// Runs blocking work outside the threads that Swift's tasks share: on NIO's thread pool, or with `blocking`.
///
/// The work runs to its end even if the task is canceled meanwhile: pictures that have been paid for still get
/// archived.
struct OffloadedWork: Sendable {
    /// nil uses NIO's thread pool.
    let blocking: BlockingWork?
    /// Called when the disk has failed; the process has to end.
    let onFatal: @Sendable (ArchiveError) -> Void

    init(blocking: BlockingWork?, onFatal: @escaping @Sendable (ArchiveError) -> Void = { _ in }) {
        self.blocking = blocking
        self.onFatal = onFatal
    }

    func callAsFunction<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, Failure>, Never>) in
            let run = { @Sendable in continuation.resume(returning: Result { () throws(Failure) in try work() }) }
            if let blocking {
                blocking(run)
            } else {
                // The state that `submit` passes is "cancelled" only in a pool that was shut down, never in the
                // singleton.
                NIOThreadPool.singleton.submit { _ in run() }
            }
        }
        return try result.get()
    }

    /// Runs blocking work. If it shows that the disk has failed, calls `onFatal` before it throws.
    func watched<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ArchiveError) -> Value
    ) async throws(ArchiveError) -> Value {
        do throws(ArchiveError) {
            return try await self(work)
        } catch {
            if error.isFatal { onFatal(error) }
            throw error
        }
    }
}
