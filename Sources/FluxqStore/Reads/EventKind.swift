/// What the event log tells about a job, or about the whole queue.
package enum EventKind: String, CaseIterable, Sendable {
    case submitted, claimed, deferred
    /// An attempt ended without a bill, and the next one waits for its time.
    case attemptFailed = "attempt_failed"
    /// A refusal before was found to be the job's own, because calls of others worked just before and just after it.
    case struck
    case answered
    case pictureSaved = "picture_saved"
    case pictureLost = "picture_lost"
    /// What came instead of it is no picture that fluxq knows, and is kept.
    case pictureKept = "picture_kept"
    /// It was found damaged in the archive.
    case pictureDamaged = "picture_damaged"
    /// The picture that a queued job edits was found damaged in the archive.
    case inputDamaged = "input_damaged"
    case cancelRequested = "cancel_requested"
    case retried, done, failed
    /// The job is there no longer, by its owner's wish, an administrator's, or by what is configured.
    case forgotten
    /// An administrator has looked at somebody else's job, or fetched its pictures.
    case viewed, fetched
    /// An administrator has stopped new calls, or let them begin again.
    case paused, resumed
    /// Calls of a lane are held, or may begin again.
    case laneHeld = "lane_held"
    case laneOpened = "lane_opened"
}
