import FluxqModel
import NIOPosix

/// Runs blocking work away from the threads that Swift's tasks share: on NIO's threads for it, or where it is told to.
///
/// The work is done to its end even where the task is canceled meanwhile: what has been paid for still gets archived.
struct OffloadedWork: Sendable {
    /// nil is NIO's threads.
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
                // The state that `submit` hands over says "cancelled" only in a pool that was shut down: never the singleton.
                NIOThreadPool.singleton.submit { _ in run() }
            }
        }
        return try result.get()
    }

    /// Runs blocking work; where it shows that the disk has failed, that is told first.
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
