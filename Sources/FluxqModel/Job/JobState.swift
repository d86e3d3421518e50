/// The four states, in the database, on the wire and on the screen. What varies inside a state is data of that state.
package enum JobState: String, CaseIterable, Sendable {
    case queued, running, done, failed
}

/// The phase of a running job.
package enum Phase: String, CaseIterable, Sendable {
    /// The intent to call is committed; bytes may be on the wire. A crash here leaves the outcome unknown.
    case calling
    /// The answer is committed; pictures are being saved. Survives a restart and costs nothing to repeat.
    case archiving
}

/// The reason why a job failed: a closed set that programs may switch over.
package enum FailureReason: String, CaseIterable, Sendable {
    case rejected, moderated
    case noImage = "no_image"
    case outcomeUnknown = "outcome_unknown"
    case exhausted
    case linkLost = "link_lost"
    case canceled
}

/// The one reason why a queued job is not running now.
package enum Waiting: String, CaseIterable, Sendable {
    case ready, scheduled, backoff
    case rateLimited = "rate_limited"
    case userLimit = "user_limit"
    case budget, held, paused
}

/// The action for a job whose call may or may not have been billed.
package enum OnUnknown: String, CaseIterable, Sendable {
    /// A person decides.
    case fail
    /// The submitter chose in advance to send it again, up to `workers.max_attempts` times.
    case retry
}

/// The effect of a call on the account.
package enum Billing: String, CaseIterable, Sendable {
    /// The call is in flight; its price is reserved.
    case reserved
    case billed
    case notBilled = "not_billed"
    case unknown
}
