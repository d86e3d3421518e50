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
        case done(warning: String?)
        case failed(Failure)
    }

    /// Why a job failed, for programs and for people.
    package struct Failure: Hashable, Sendable {
        package var reason: FailureReason
        /// What happened and what to do about it.
        package var message: String
        package var error: APIError?

        package init(reason: FailureReason, message: String, error: APIError? = nil) {
            self.reason = reason
            self.message = message
            self.error = error
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
        case attemptFailed(Failure, nextTry: Timestamp)
        /// The queued job was refused before, and calls of others worked just before and just after it: that refusal is its own,
        /// and counts as a failed attempt. No call is on its way.
        case struck(Failure)
        /// Rejected, moderated or without a picture: sending it again would change nothing.
        case refused(Failure, Billing)
        /// Nobody knows whether it was billed. `nextTry` is used where the job says `on_unknown: retry`.
        case outcomeUnknown(Failure, nextTry: Timestamp)
        /// Every picture of the answer is saved, or can never be.
        case settled(Settlement)
        case canceled
        case retried
        /// The database is a backup that was restored: a queued job may have been called since it was made.
        case restored(Failure)
    }

    /// How the pictures of an answer ended.
    package struct Settlement: Hashable, Sendable {
        /// Asked for by the request.
        package var wanted: Int
        /// In the archive.
        package var saved: Int
        /// Links that died before their picture could be fetched, and inline pictures that the host has lost.
        package var lost: Int
        /// Came, but are no pictures, or are incomplete.
        package var unusable: Int
        /// Why the answer ended before its end; nil if it came whole.
        package var defect: String?
        /// Flaws and losses of single pictures.
        package var remarks: [Remark]

        package init(
            wanted: Int, saved: Int, lost: Int, unusable: Int, defect: String? = nil,
            remarks: [Remark] = []
        ) {
            self.wanted = wanted
            self.saved = saved
            self.lost = lost
            self.unusable = unusable
            self.defect = defect
            self.remarks = remarks
        }

        /// The flaw or the loss of one picture.
        package struct Remark: Hashable, Sendable {
            package enum About: Hashable, Sendable {
                /// Saved; the message stands after its name: "ends without its end mark".
                case flaw
                /// Why it could not be saved: a sentence.
                case lost
                /// What came instead: a sentence. `isKept`: and its bytes are in the archive.
                case unusable(isKept: Bool)
            }

            package var index: Int
            package var about: About
            package var message: String

            package init(index: Int, about: About, message: String) {
                self.index = index
                self.about = about
                self.message = message
            }
        }
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
            state = .failed(
                .init(
                    reason: .canceled,
                    message: "Canceled before the API was called; nothing was "
                        + "billed."))
            return []

        case (.running(.calling, let cancelRequested), .answered):
            state = .running(.archiving, cancelRequested: cancelRequested)
            return [.settleAttempt(.billed)]

        case (.running(.calling, let cancelRequested), .deferred(let nextTry)):
            attempts -= 1
            state =
                cancelRequested
                ? .failed(.init(reason: .canceled, message: "Canceled. The call did not succeed and was not billed."))
                : .queued(notBefore: nextTry, afterBackoff: true)
            return [.settleAttempt(.notBilled)]

        case (.running(.calling, let cancelRequested), .attemptFailed(let failure, let nextTry)):
            strikes += 1
            if cancelRequested {
                state = .failed(failure.afterCancel)
            } else if strikes >= maxAttempts {
                state = .failed(
                    .init(
                        reason: .exhausted,
                        message:
                            "Gave up after \(strikes) failed attempts; the last one was not billed: \(failure.message)",
                        error: failure.error))
            } else {
                state = .queued(notBefore: nextTry, afterBackoff: true)
            }
            return [.settleAttempt(.notBilled)]

        case (.queued, .struck(let failure)):
            strikes = min(strikes + 1, attempt)
            guard strikes >= maxAttempts else { return [] }
            state = .failed(
                .init(
                    reason: .exhausted,
                    message:
                        "Gave up after \(strikes) refusals, while other users' calls succeeded; none was billed: "
                        + "\(failure.message)",
                    error: failure.error))
            return []

        case (.running(.calling, let cancelRequested), .refused(let failure, let billing)):
            state = .failed(cancelRequested ? failure.afterCancel : failure)
            return [.settleAttempt(billing)]

        case (.running(.calling, let cancelRequested), .outcomeUnknown(let failure, let nextTry)):
            strikes += 1
            if cancelRequested {
                state = .failed(failure.afterCancel)
            } else if onUnknown == .retry, strikes < maxAttempts {
                state = .queued(notBefore: nextTry, afterBackoff: true)
            } else {
                state = .failed(failure.unknown(isResent: onUnknown == .retry))
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

        case (.queued, .restored(let failure)):
            // Also with `on_unknown: retry`, which speaks of a call whose outcome nobody knew.
            state = .failed(failure)
            return []

        case (.queued, _), (.running, _), (.done, _), (.failed, _):
            throw Forbidden()
        }
    }
}

extension Lifecycle.Failure {
    /// What fluxq does about an unknown outcome, said after what happened.
    fileprivate func unknown(isResent: Bool) -> Lifecycle.Failure {
        let further =
            isResent
            ? "fluxq resent it as often as allowed (--on-unknown retry); earlier calls may have been billed too."
            : "fluxq will not resend it automatically. To resend it: fluxq retry ID"
        return .init(reason: reason, message: "\(message) \(further)", error: error)
    }

    /// The same end for somebody who had canceled: the wish comes first, what happened stays in the message.
    fileprivate var afterCancel: Lifecycle.Failure {
        .init(reason: .canceled, message: "Canceled while it was running. \(message)", error: error)
    }
}

extension Lifecycle.Settlement {
    /// Of what is said of single pictures: enough to know why.
    private static let mostSentences = 4
    private static let longestSentence = 400

    fileprivate func end(canceled: Bool) -> Lifecycle.State {
        if canceled {
            let brought =
                saved == 0
                ? "its call returned no picture." : "the paid pictures (\(saved) of \(wanted)) can be fetched."
            return .failed(
                .init(
                    reason: .canceled,
                    message: (["Canceled while it was running; \(brought)"] + sentences).joined(separator: " ")))
        }
        if lost > 0 {
            let why = sentences.isEmpty ? "" : " " + sentences.joined(separator: " ")
            return .failed(
                .init(
                    reason: .linkLost,
                    message:
                        "\(lost) of \(saved + lost + unusable) pictures could not be saved:\(why) "
                        + "\(saved) can be fetched.\(breakOffSentence) A retry buys all of them again."))
        }
        if saved == 0 {
            let nothing = "The API answered, but sent no complete picture of a known format."
            return .failed(
                .init(
                    reason: .noImage,
                    message: ([nothing + breakOffSentence] + sentences
                        + ["The call was billed, and a retry buys it again."]).joined(separator: " ")))
        }
        // An item that brought nothing is only missing.
        let noteworthy = remarks.contains { $0.about != .unusable(isKept: false) }
        guard noteworthy else { return .done(warning: warning) }
        return .done(warning: ((warning.map { [$0 + "."] } ?? []) + sentences).joined(separator: " "))
    }

    /// What is said of single pictures, each reason once.
    private var sentences: [String] {
        var all: [String] = []
        for remark in remarks {
            let sentence: String
            switch remark.about {
            case .flaw: sentence = "Picture \(remark.index) \(remark.message)."
            case .lost: sentence = remark.message
            case .unusable(isKept: false): sentence = "Picture \(remark.index) cannot be used: \(remark.message)"
            case .unusable(isKept: true):
                sentence = "Picture \(remark.index) cannot be used, but is kept and can be fetched: \(remark.message)"
            }
            let cut =
                sentence.count > Self.longestSentence ? sentence.prefix(Self.longestSentence) + "…" : sentence[...]
            if !all.contains(String(cut)) { all.append(String(cut)) }
        }
        guard all.count > Self.mostSentences else { return all }
        return all.prefix(Self.mostSentences) + ["\(all.count - Self.mostSentences) more pictures have remarks."]
    }

    private var warning: String? {
        let count = saved < wanted ? "\(saved) of \(wanted) pictures came" : nil
        guard let defect else { return count }
        let trouble = "the answer was cut off: \(defect)"
        guard let count else { return "\(wanted == 1 ? "The picture" : "All \(wanted) pictures") came; \(trouble)" }
        return "\(count); \(trouble)"
    }

    /// " The answer was cut off: …", where it did.
    private var breakOffSentence: String { defect.map { " The answer was cut off: \($0)." } ?? "" }
}
