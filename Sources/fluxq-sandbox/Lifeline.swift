import Foundation
import Synchronization

/// Standard input as a sign of life: it ends when the process at its other end ends, for whatever reason. Until then
/// this program is needed, so it ignores signals that reach both processes.
final class Lifeline: Sendable {
    /// How long an orderly shutdown may take.
    private static let patience: TimeInterval = 5

    private let isAwaited = Mutex(false)
    private let ended: AsyncStream<Never>

    init() {
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] { signal(number, SIG_IGN) }
        let (ended, continuation) = AsyncStream.makeStream(of: Never.self)
        self.ended = ended
        Thread.detachNewThread { [weak self] in
            var byte: UInt8 = 0
            var count: Int
            repeat { count = read(STDIN_FILENO, &byte, 1) } while count > 0 || count < 0 && errno == EINTR
            // Nothing has started yet that needs an orderly shutdown.
            if self?.isAwaited.withLock({ $0 }) != true { exit(EXIT_SUCCESS) }
            continuation.finish()
            Thread.sleep(forTimeInterval: Self.patience)
            exit(EXIT_SUCCESS)
        }
    }

    /// Returns when standard input ends. If the shutdown takes longer than a few seconds, the process exits.
    func end() async {
        isAwaited.withLock { $0 = true }
        for await _ in ended {}
    }
}
