import Foundation

/// A thread for work that waits for another process or for the other end of a connection.
///
/// Dispatch has about as many threads as the machine has cores, and Swift's tasks run on the same ones: a wait on one of
/// them keeps every test from its turn, and with it whatever the wait is for.
package enum OwnThread {
    /// Returns what `work` returns, without holding one of the threads that tasks share.
    package static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            start { continuation.resume(returning: work()) }
        }
    }

    /// Does `work` and waits for nothing.
    package static func start(_ work: @escaping @Sendable () -> Void) {
        Thread(block: work).start()
    }
}
