import Foundation

/// A thread for work that waits for another process or for the other end of a connection.
///
/// Dispatch has about as many threads as the machine has cores, and Swift's tasks run on the same threads. A blocked
/// thread would delay every test, and with them the awaited work.
package enum OwnThread {
    /// Returns what `work` returns, without holding one of the threads that tasks share.
    package static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            start { continuation.resume(returning: work()) }
        }
    }

    /// Starts `work` and returns immediately.
    package static func start(_ work: @escaping @Sendable () -> Void) {
        Thread(block: work).start()
    }
}
