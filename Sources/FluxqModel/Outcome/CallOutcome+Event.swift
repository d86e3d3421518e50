extension CallOutcome {
    /// What an outcome means for the job's life: the third column of the outcome table, with the words that people read.
    ///
    /// - Parameter nextTry: when the next call may begin, for the outcomes that allow one.
    package func event(nextTry: Timestamp) -> Lifecycle.Event {
        switch self {
        case .answered:
            .answered
        case .noImage(let answer):
            .refused(
                .init(
                    reason: .noImage,
                    message: "The API answered without a picture\(answer.itemErrors). The call was billed. The "
                        + "job's ledger has the answer; a retry buys it again."),
                .billed)
        case .rejected(let error):
            .refused(
                .init(
                    reason: .rejected,
                    message: error.status == nil
                        ? "The request could not be sent: \(error.message.sentence) Nothing was billed."
                        : "The API rejected the request: \(error.message.sentence) Nothing was billed. "
                            + "Correct that, then submit it again.",
                    error: error),
                .notBilled)
        case .moderated(let error):
            .refused(
                .init(
                    reason: .moderated,
                    message: "The API's content filter rejected the prompt or the picture: \(error.message.sentence) "
                        + "Nothing was billed.",
                    error: error),
                .notBilled)
        case .notSent, .accountClosed, .wrongAddress, .rateLimited:
            .deferred(nextTry: nextTry)
        case .serverError(let error):
            .attemptFailed(.init(reason: .exhausted, message: error.message.sentence, error: error), nextTry: nextTry)
        case .unknown(let error), .webPage(let error):
            .outcomeUnknown(
                .init(
                    reason: .outcomeUnknown,
                    message:
                        "The result of the call is unknown; it may have been billed: \(error.message.sentence)",
                    error: error),
                nextTry: nextTry)
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

extension Answer {
    /// ": what the items said", where they said anything.
    fileprivate var itemErrors: String {
        let said = items.compactMap(\.error)
        return said.isEmpty ? "" : ": " + said.joined(separator: "; ")
    }
}

extension String {
    /// Closed with a full stop unless it already ends a sentence.
    fileprivate var sentence: String {
        last.map { ".!?".contains($0) } ?? true ? self : self + "."
    }
}
