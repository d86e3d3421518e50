package import FluxqModel

/// Every state × event cell of a job's life. Both the pure function and the database are compared with it.
package enum LifecycleTable {
    package enum From: String, CaseIterable, Sendable {
        case queued, calling, archiving, done, failed
        case callingCanceled = "calling, cancel requested"
        case archivingCanceled = "archiving, cancel requested"
        case failedCanceled = "failed: canceled"
    }

    /// An event of a job that requests two pictures.
    package enum Event: String, CaseIterable, Sendable {
        case claimed, answered, deferred, attemptFailed, rejected, moderated, noImage, outcomeUnknown
        case settledWhole = "settled, both saved"
        case settledShort = "settled, one came and is saved"
        case settledLost = "settled, one saved and one lost"
        case settledUnusable = "settled, both unusable"
        case canceled, retried
        case restored = "restored from a backup"
        case struck = "struck for a refusal of its own"
        case abandoned = "abandoned by its client"
    }

    /// The result of an event: the next state with its details, and the billing in the ledger.
    package struct Outcome: Hashable, Sendable, CustomStringConvertible {
        package var state: JobState
        package var phase: Phase?
        package var isCancelRequested = false
        package var reason: FailureReason?
        package var hasWarning = false
        /// nil if no attempt is settled.
        package var billing: Billing?
        package var opensAttempt = false

        package init(
            _ state: JobState, phase: Phase? = nil, isCancelRequested: Bool = false, reason: FailureReason? = nil,
            hasWarning: Bool = false, billing: Billing? = nil, opensAttempt: Bool = false
        ) {
            self.state = state
            self.phase = phase
            self.isCancelRequested = isCancelRequested
            self.reason = reason
            self.hasWarning = hasWarning
            self.billing = billing
            self.opensAttempt = opensAttempt
        }

        package var description: String {
            let details = [
                phase?.rawValue, reason?.rawValue, isCancelRequested ? "cancel requested" : nil,
                hasWarning ? "warning" : nil, billing?.rawValue, opensAttempt ? "attempt opened" : nil,
            ]
            return ([state.rawValue] + details.compactMap { $0 }).joined(separator: ", ")
        }
    }

    package struct Cell: Sendable, CustomStringConvertible {
        package let from: From
        package let event: Event
        /// nil if the state forbids the event.
        package let outcome: Outcome?

        package var description: String {
            "\(from.rawValue) + \(event.rawValue) → \(outcome.map(String.init(describing:)) ?? "forbidden")"
        }
    }

    package static let cells: [Cell] = From.allCases.flatMap { from in
        Event.allCases.map { Cell(from: from, event: $0, outcome: outcome(from, $0)) }
    }

    private static func outcome(_ from: From, _ event: Event) -> Outcome? {
        switch (from, event) {
        case (.queued, .claimed): Outcome(.running, phase: .calling, opensAttempt: true)
        case (.queued, .struck): Outcome(.queued)
        case (.queued, .canceled): Outcome(.failed, reason: .canceled)
        case (.queued, .abandoned): Outcome(.failed, reason: .canceled)
        case (.queued, .restored): Outcome(.failed, reason: .outcomeUnknown)

        case (.calling, .answered): Outcome(.running, phase: .archiving, billing: .billed)
        case (.calling, .deferred): Outcome(.queued, billing: .notBilled)
        case (.calling, .attemptFailed): Outcome(.queued, billing: .notBilled)
        case (.calling, .rejected): Outcome(.failed, reason: .rejected, billing: .notBilled)
        case (.calling, .moderated): Outcome(.failed, reason: .moderated, billing: .notBilled)
        case (.calling, .noImage): Outcome(.failed, reason: .noImage, billing: .billed)
        case (.calling, .outcomeUnknown): Outcome(.failed, reason: .outcomeUnknown, billing: .unknown)
        case (.calling, .canceled): Outcome(.running, phase: .calling, isCancelRequested: true)

        case (.callingCanceled, .answered):
            Outcome(.running, phase: .archiving, isCancelRequested: true, billing: .billed)
        case (.callingCanceled, .deferred), (.callingCanceled, .attemptFailed), (.callingCanceled, .rejected),
            (.callingCanceled, .moderated):
            Outcome(.failed, reason: .canceled, billing: .notBilled)
        case (.callingCanceled, .noImage): Outcome(.failed, reason: .canceled, billing: .billed)
        case (.callingCanceled, .outcomeUnknown): Outcome(.failed, reason: .canceled, billing: .unknown)
        case (.callingCanceled, .canceled): Outcome(.running, phase: .calling, isCancelRequested: true)

        case (.archiving, .settledWhole): Outcome(.done)
        case (.archiving, .settledShort): Outcome(.done, hasWarning: true)
        case (.archiving, .settledLost): Outcome(.failed, reason: .linkLost)
        case (.archiving, .settledUnusable): Outcome(.failed, reason: .noImage)
        case (.archiving, .canceled): Outcome(.running, phase: .archiving, isCancelRequested: true)

        case (.archivingCanceled, .settledWhole), (.archivingCanceled, .settledShort),
            (.archivingCanceled, .settledLost), (.archivingCanceled, .settledUnusable):
            Outcome(.failed, reason: .canceled)
        case (.archivingCanceled, .canceled): Outcome(.running, phase: .archiving, isCancelRequested: true)

        case (.failed, .retried), (.failedCanceled, .retried): Outcome(.queued)

        default: nil
        }
    }
}

extension LifecycleTable.Outcome {
    /// A state in the form that the table uses.
    package init(_ state: Lifecycle.State, effects: [Lifecycle.Effect] = []) {
        switch state {
        case .queued: self.init(.queued)
        case .running(let phase, let cancelRequested):
            self.init(.running, phase: phase, isCancelRequested: cancelRequested)
        case .done(let warning): self.init(.done, hasWarning: warning != nil)
        case .failed(let failure): self.init(.failed, reason: failure.reason)
        }
        for effect in effects {
            switch effect {
            case .openAttempt: opensAttempt = true
            case .settleAttempt(let billing): self.billing = billing
            }
        }
    }
}
