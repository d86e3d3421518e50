import Foundation

/// Runs a look into the user database on a thread of its own. It may hang for as long as a server far away does not answer,
/// and then it holds nobody else up: not the archive, not other lookups.
package enum LookupThread {
    /// Returns when the work does, which nothing breaks off.
    package static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try work() }) }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }
}
