/// Polls for a condition that gives no signal: a counter inside of the code under test, or a file of another process.
package enum Observation {
    /// Returns as soon as the condition is true. It checks every few milliseconds, because a loop that only yields
    /// would take processor time from the awaited work.
    ///
    /// - Throws: the errors of `holds`, and `CancellationError` when the test is ended, for example by its time limit.
    package static func wait(until holds: () async throws -> Bool) async throws {
        while try await !holds() { try await Task.sleep(for: .milliseconds(5)) }
    }
}
