package import FluxqModel

/// A proof's client's knowledge of a job: the request and the answers.
package struct SubmittedJob: Sendable {
    /// Unique among all jobs, so that a call in the API's ledger can be assigned to its job.
    package let prompt: String
    package let onUnknown: OnUnknown
    /// The job's number, once a submit was acknowledged.
    package var acknowledged: Int64?
    /// Retries by hand that the client requested, whether acknowledged or not.
    package var retriesAsked = 0
    /// A cancel was acknowledged, so the job ends as canceled whatever its call still returns.
    package var isCancelAcknowledged = false

    package init(prompt: String, onUnknown: OnUnknown = .fail) {
        self.prompt = prompt
        self.onUnknown = onUnknown
    }
}
