import Glibc

/// Runs all tasks and all blocking work on one thread, each piece when the simulation chooses it.
///
/// The thread is verified at every hand-over, because work on another thread would make a seed worthless. That is also
/// why `@unchecked Sendable` is correct here.
final class SimulatedExecutor: TaskExecutor, @unchecked Sendable {
    private enum Piece {
        /// A task between two of its suspensions.
        case task(UnownedJob)
        case blocking(@Sendable () -> Void)
    }

    private let thread = pthread_self()
    private var runnable: [Piece] = []

    /// The number of pieces that could run now.
    var count: Int { runnable.count }

    func enqueue(_ job: consuming ExecutorJob) {
        verifyThread()
        runnable.append(.task(UnownedJob(job)))
    }

    func enqueue(blocking work: @escaping @Sendable () -> Void) {
        verifyThread()
        runnable.append(.blocking(work))
    }

    /// Runs one piece to its end or its next suspension.
    ///
    /// - Returns: true if it was blocking work; only such work can change the disk.
    func run(at index: Int) -> Bool {
        switch runnable.remove(at: index) {
        case .task(let job):
            job.runSynchronously(on: asUnownedTaskExecutor())
            return false
        case .blocking(let work):
            work()
            return true
        }
    }

    func verifyThread() {
        precondition(pthread_equal(thread, pthread_self()) != 0, "work has escaped from the simulation's thread")
    }
}
