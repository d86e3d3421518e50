extension CallOutcome {
    /// What an outcome means for the job's life: the third column of the outcome table.
    ///
    /// - Parameter nextTry: when the next call may begin, for the outcomes that allow one.
    package func event(nextTry: Timestamp) -> Lifecycle.Event {
        switch self {
        case .answered: .answered
        case .noImage(let answer): .refused(.noPicture(said: answer.items.compactMap(\.error)), .billed)
        // One without a status is not the API's.
        case .rejected(let error) where error.status == nil: .refused(.unsendable(error: error), .notBilled)
        case .rejected(let error): .refused(.rejected(error: error), .notBilled)
        case .moderated(let error): .refused(.moderated(error: error), .notBilled)
        case .notSent, .accountClosed, .wrongAddress, .rateLimited: .deferred(nextTry: nextTry)
        case .serverError(let error): .attemptFailed(.serverError(error: error), nextTry: nextTry)
        case .unknown(let error), .webPage(let error): .outcomeUnknown(.unknown(error: error), nextTry: nextTry)
        }
    }
}

extension CallOutcome {
    /// Whether the API would not have answered so for a key or an account that does not work.
    package var showsWorkingAccount: Bool {
        switch self {
        case .answered, .noImage, .rejected, .moderated: true
        case .notSent, .accountClosed, .wrongAddress, .rateLimited, .serverError, .unknown, .webPage: false
        }
    }
}
