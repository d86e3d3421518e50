/// Why a job failed.
package typealias FailureMessage = StoredMessage<FailureCode>

/// Why a job is done with a warning.
package typealias WarningMessage = StoredMessage<WarningCode>

package enum FailureCode: Hashable, Codable, Sendable {
    /// Sending it again would change nothing.
    case failed(call: CallFailure)
    /// After as many failed attempts as are allowed.
    case gaveUp(attempts: Int, last: CallFailure)
    /// After as many refusals as are allowed, while calls of others succeeded; `last` is the error of its last call.
    case refusedAlone(times: Int, last: CallTrouble?)
    /// `wasResent`: it was sent as often as `on_unknown: retry` allows.
    case outcomeUnknown(call: CallFailure, wasResent: Bool)
    /// It was queued in the backup that was restored, and may have been called since.
    case restored(backedUpAt: Timestamp)
    case canceledBeforeCall
    /// Nobody has waited for the queued job for so long.
    case abandoned(seconds: Int)
    /// Its call did not succeed and was not billed.
    case canceledUnbilled
    case canceledDuringCall(call: CallFailure)
    case canceledDuringDownload(settlement: Settlement)
    /// Pictures that were paid for could not be saved.
    case picturesLost(settlement: Settlement)
    /// The API answered, but no picture of its answer can be used.
    case noUsablePicture(settlement: Settlement)
}

package enum WarningCode: Hashable, Codable, Sendable {
    /// Fewer pictures than asked for, an answer that was cut off, or pictures with remarks.
    case settled(settlement: Settlement)
}
