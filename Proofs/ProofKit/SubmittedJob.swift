package import FluxqModel

/// What a proof's client knows of a job: what it asked for and what it was told.
package struct SubmittedJob: Sendable {
    /// Unlike every other job's, so that the API's ledger tells whose call it was.
    package let prompt: String
    package let onUnknown: OnUnknown
    /// The job's number, once a submit was acknowledged.
    package var acknowledged: Int64?
    /// Retries by hand that were asked for, whether acknowledged or not.
    package var retriesAsked = 0
    /// A cancel was granted, so that whatever its call still brings, the job ends as canceled.
    package var isCancelAcknowledged = false

    package init(prompt: String, onUnknown: OnUnknown = .fail) {
        self.prompt = prompt
        self.onUnknown = onUnknown
    }
}
