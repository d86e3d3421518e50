/// How a call failed, as its job sees it.
package enum CallFailure: Hashable, Codable, Sendable {
    /// A billed answer without a picture, and what its items said instead.
    case noPicture(said: [String])
    /// fluxq cannot send the request as it is.
    case unsendable(error: APIError)
    case rejected(error: APIError)
    case moderated(error: APIError)
    /// An answer with one of `api.unbilled_statuses`.
    case serverError(error: APIError)
    /// This host has kept the call from being sent for so long that it counts.
    case hostFailed(trouble: CallTrouble)
    /// It is unknown whether it was billed.
    case unknown(error: APIError)
}

extension CallFailure {
    /// The API's own error, when there was one.
    package var error: APIError? {
        switch self {
        case .unsendable(let error), .rejected(let error), .moderated(let error), .serverError(let error),
            .unknown(let error):
            error
        case .noPicture, .hostFailed: nil
        }
    }

    /// Of a job that fails for this call.
    package var reason: FailureReason {
        switch self {
        case .noPicture: .noImage
        case .unsendable, .rejected: .rejected
        case .moderated: .moderated
        case .serverError, .hostFailed: .exhausted
        case .unknown: .outcomeUnknown
        }
    }
}
