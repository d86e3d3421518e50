/// For what gives no signal: a counter inside of the code under test, or a file of another process.
package enum Observation {
    /// Returns as soon as it holds. It looks again every few milliseconds: a loop that only yields would keep a processor
    /// from what it waits for.
    ///
    /// - Throws: what `holds` throws, and `CancellationError` when the test is ended, as by its time limit.
    package static func wait(until holds: () async throws -> Bool) async throws {
        while try await !holds() { try await Task.sleep(for: .milliseconds(5)) }
    }
}
