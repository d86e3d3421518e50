/// The kind of an event about a job or about the whole queue.
package enum EventKind: String, CaseIterable, Sendable {
    case submitted, claimed, deferred
    /// An attempt ended without a bill, and the next one waits until it is due.
    case attemptFailed = "attempt_failed"
    /// An earlier refusal was found to be the job's own failure, because calls of others worked just before and just
    /// after it.
    case struck
    case answered
    case pictureSaved = "picture_saved"
    case pictureLost = "picture_lost"
    /// The bytes that came are no picture that fluxq knows, and are kept.
    case pictureKept = "picture_kept"
    /// The picture was found damaged in the archive.
    case pictureDamaged = "picture_damaged"
    /// The picture that a queued job edits was found damaged in the archive.
    case inputDamaged = "input_damaged"
    case cancelRequested = "cancel_requested"
    case retried, done, failed
    /// A later OpenAI-compatible request got the job of an earlier one.
    case joined
    /// The job's answer was delivered whole to a client of the OpenAI-compatible routes.
    case delivered
    /// The job was deleted at the request of its owner or an administrator, or by the retention settings.
    case forgotten
    /// An administrator has viewed another user's job, or fetched its pictures.
    case viewed, fetched
    /// An administrator has paused or resumed new calls.
    case paused, resumed
    /// Calls of a lane are held, or may begin again.
    case laneHeld = "lane_held"
    case laneOpened = "lane_opened"
}
