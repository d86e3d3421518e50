/// The identity of a call: its job and attempt.
package struct CallID: Hashable, Sendable, CustomStringConvertible {
    package let job: JobID
    /// The number of the job's attempt, from 1.
    package let attempt: Int

    package init(job: JobID, attempt: Int) {
        self.job = job
        self.attempt = attempt
    }

    package var description: String { "call \(attempt) of job \(job)" }
}
