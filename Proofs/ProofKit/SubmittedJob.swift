package import FluxqModel

/// An answer of the OpenAI-compatible routes that its client has taken whole.
package enum DoorAnswer: Hashable, Sendable {
    /// The SHA-256 of each picture, as hexadecimal digits.
    case pictures(job: Int64?, [String])
    case error(status: Int, code: String?)
}

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
    /// True if its client uses the OpenAI-compatible routes, and sends its request again without a key.
    package let isOfDoor: Bool
    /// What such a client received in the end; nil if it has no answer yet.
    package var answer: DoorAnswer?

    package init(prompt: String, onUnknown: OnUnknown = .fail, isOfDoor: Bool = false) {
        self.prompt = prompt
        self.onUnknown = onUnknown
        self.isOfDoor = isOfDoor
    }
}
