import Foundation
import Synchronization

/// Standard input as a sign of life: it ends with the process that holds its other end, in whatever way that one ends.
/// From the beginning on no signal that goes to that process as well ends this one, which is needed until then.
final class Lifeline: Sendable {
    /// How long an orderly end may take.
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
            // Nothing has begun that has an order to end in.
            if self?.isAwaited.withLock({ $0 }) != true { exit(EXIT_SUCCESS) }
            continuation.finish()
            Thread.sleep(forTimeInterval: Self.patience)
            exit(EXIT_SUCCESS)
        }
    }

    /// Returns at its end. What then is not over within some seconds is broken off.
    func end() async {
        isAwaited.withLock { $0 = true }
        for await _ in ended {}
    }
}
