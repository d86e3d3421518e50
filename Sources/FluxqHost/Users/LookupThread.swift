import Foundation

/// Runs a user database lookup on its own thread. A lookup may hang as long as a remote server does not answer, and
/// must not block the archive or other lookups.
package enum LookupThread {
    /// Returns when the work does; it cannot be canceled.
    package static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try work() }) }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }
}
