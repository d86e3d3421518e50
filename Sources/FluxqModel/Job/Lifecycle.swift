/// The life of a job as a pure function: a state and an event go in, the next state and what has to be done about it
/// come out. `FluxqStore` encodes the same rules a second time, as CHECKs and guarded writes.
///
/// ```
///             submitted
///                 |
///                 v      claimed        answered               settled, all saved
///              queued ---------> calling -------> archiving ----------------------> done
///               ^ | ^               | |              |
///      retried  | | +---------------+ | refused,     | settled, a link lost
///               | |    deferred       | no image,    | settled after a cancel
///               | |                   | unknown,     |
///               | |                   | exhausted    |
///               | |   canceled,       |              |
///               | |   restored        v              v
///               | +----------------> failed <--------+
///               +-----------------------+
/// ```
package struct Lifecycle: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// `notBefore`: when it may run; nil is now. `afterBackoff` tells a pause of fluxq's own from a time the user set.
        case queued(notBefore: Timestamp?, afterBackoff: Bool)
        /// `cancelRequested`: somebody has asked to cancel it; what its call still brings is paid for and kept.
        case running(Phase, cancelRequested: Bool)
        case done(warning: WarningMessage?)
        case failed(Failure)
    }

    /// Why a job failed, for programs and for people.
    package struct Failure: Hashable, Sendable {
        package var reason: FailureReason
        package var message: FailureMessage
        package var error: APIError?

        package init(reason: FailureReason, message: FailureMessage, error: APIError? = nil) {
            self.reason = reason
            self.message = message
            self.error = error
        }

        init(reason: FailureReason, _ code: FailureCode, error: APIError? = nil) {
            self.init(reason: reason, message: .code(code), error: error)
        }
    }

    package enum Event: Hashable, Sendable {
        case claimed
        /// A 2xx with pictures that may be usable.
        case answered
        /// Known not to have been billed; nobody's fault but the queue's. Not an attempt. Others go first until that time,
        /// so that a job which is itself the trouble does not keep everybody waiting behind it.
        case deferred(nextTry: Timestamp)
        /// Known not to have been billed, and an attempt; the next one not before that time.
        case attemptFailed(CallFailure, nextTry: Timestamp)
        /// The queued job was refused before, and calls of others worked just before and just after it: that refusal is its own,
        /// and counts as a failed attempt. No call is on its way. `last`: what its last call met.
        case struck(last: CallTrouble?)
        /// Rejected, moderated or without a picture: sending it again would change nothing.
        case refused(CallFailure, Billing)
        /// Nobody knows whether it was billed. `nextTry` is used where the job says `on_unknown: retry`.
        case outcomeUnknown(CallFailure, nextTry: Timestamp)
        /// Every picture of the answer is saved, or can never be.
        case settled(Settlement)
        case canceled
        /// No client has waited for the queued job for that long, and nobody asked to keep it.
        case abandoned(after: Duration)
        case retried
        /// The database is a backup that was restored: a queued job may have been called since it was made.
        case restored(backedUpAt: Timestamp)
    }

    /// What has to happen in the same transaction as the change of state.
    package enum Effect: Hashable, Sendable {
        /// Write the intent to call: a ledger row with this attempt's number, its price reserved.
        case openAttempt
        /// Settle the ledger row of the current attempt.
        case settleAttempt(Billing)
    }

    /// The state does not allow the event. Nothing changes.
    package struct Forbidden: Error, Hashable, Sendable {}

    package var state: State
    /// Calls begun so far: the number of the current attempt, and the fence that keeps an old one from writing.
    package var attempt: Int
    /// Calls that count as attempts; those that never reached a working API are taken back.
    package var attempts: Int
    /// Failed attempts since the job was submitted or last retried by hand; `workers.max_attempts` bounds them.
    package var strikes: Int
    package let onUnknown: OnUnknown

    package init(state: State, attempt: Int, attempts: Int, strikes: Int, onUnknown: OnUnknown) {
        self.state = state
        self.attempt = attempt
        self.attempts = attempts
        self.strikes = strikes
        self.onUnknown = onUnknown
    }

    /// Applies one event.
    ///
    /// - Parameter maxAttempts: `workers.max_attempts`.
    /// - Returns: what has to be done with the change.
    /// - Throws: `Forbidden`, and changes nothing, where the state does not allow the event.
    package mutating func apply(_ event: Event, maxAttempts: Int) throws(Forbidden) -> [Effect] {
        switch (state, event) {
        case (.queued, .claimed):
            attempt += 1
            attempts += 1
            state = .running(.calling, cancelRequested: false)
            return [.openAttempt]

        case (.queued, .canceled):
            state = .failed(.init(reason: .canceled, .canceledBeforeCall))
            return []

        case (.queued, .abandoned(let time)):
            state = .failed(.init(reason: .canceled, .abandoned(seconds: Int(time.components.seconds))))
            return []

        case (.running(.calling, let cancelRequested), .answered):
            state = .running(.archiving, cancelRequested: cancelRequested)
            return [.settleAttempt(.billed)]

        case (.running(.calling, let cancelRequested), .deferred(let nextTry)):
            attempts -= 1
            state =
                cancelRequested
                ? .failed(.init(reason: .canceled, .canceledUnbilled))
                : .queued(notBefore: nextTry, afterBackoff: true)
            return [.settleAttempt(.notBilled)]

        case (.running(.calling, let cancelRequested), .attemptFailed(let failure, let nextTry)):
            strikes += 1
            if cancelRequested {
                state = .failed(failure.afterCancel)
            } else if strikes >= maxAttempts {
                state = .failed(
                    .init(reason: .exhausted, .gaveUp(attempts: strikes, last: failure), error: failure.error))
            } else {
                state = .queued(notBefore: nextTry, afterBackoff: true)
            }
            return [.settleAttempt(.notBilled)]

        case (.queued, .struck(let last)):
            strikes = min(strikes + 1, attempt)
            guard strikes >= maxAttempts else { return [] }
            state = .failed(.init(reason: .exhausted, .refusedAlone(times: strikes, last: last)))
            return []

        case (.running(.calling, let cancelRequested), .refused(let failure, let billing)):
            state = .failed(
                cancelRequested
                    ? failure.afterCancel
                    : .init(reason: failure.reason, .failed(call: failure), error: failure.error))
            return [.settleAttempt(billing)]

        case (.running(.calling, let cancelRequested), .outcomeUnknown(let failure, let nextTry)):
            strikes += 1
            if cancelRequested {
                state = .failed(failure.afterCancel)
            } else if onUnknown == .retry, strikes < maxAttempts {
                state = .queued(notBefore: nextTry, afterBackoff: true)
            } else {
                let code = FailureCode.outcomeUnknown(call: failure, wasResent: onUnknown == .retry)
                state = .failed(.init(reason: failure.reason, code, error: failure.error))
            }
            return [.settleAttempt(.unknown)]

        case (.running(.archiving, let cancelRequested), .settled(let settlement)):
            state = settlement.end(canceled: cancelRequested)
            return []

        case (.running(let phase, _), .canceled):
            state = .running(phase, cancelRequested: true)
            return []

        case (.failed, .retried):
            strikes = 0
            state = .queued(notBefore: nil, afterBackoff: false)
            return []

        case (.queued, .restored(let time)):
            // Also with `on_unknown: retry`, which speaks of a call whose outcome nobody knew.
            state = .failed(.init(reason: .outcomeUnknown, .restored(backedUpAt: time)))
            return []

        case (.queued, _), (.running, _), (.done, _), (.failed, _):
            throw Forbidden()
        }
    }
}

extension CallFailure {
    /// The end of a job that somebody had canceled: the wish comes first, what happened stays in the message.
    fileprivate var afterCancel: Lifecycle.Failure {
        .init(reason: .canceled, .canceledDuringCall(call: self), error: error)
    }
}
