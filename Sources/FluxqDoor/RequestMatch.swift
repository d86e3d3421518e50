package import FluxqModel
package import FluxqStore

/// Decides whether a request gets the job of an earlier, identical one. So a client that sends its request again, because
/// its time was up or its connection broke, is not billed again.
///
/// | earlier job | the request gets it |
/// |---|---|
/// | in flight, and no client waits for it | always |
/// | ended, and its answer was not delivered whole | always |
/// | `outcome_unknown` | unless the request says that it wants another call |
/// | any that may have cost something | if the request says that it is a retry |
/// | `canceled` | never |
package enum RequestMatch {
    /// The properties of a request that its headers give.
    package struct Wish: Hashable, Sendable {
        /// Its client has sent it before (`x-stainless-retry-count`).
        package var isRetry: Bool
        /// It was sent although the outcome of an earlier one is unknown (`X-Fluxq-Again: yes`).
        package var wantsAnother: Bool

        package init(isRetry: Bool = false, wantsAnother: Bool = false) {
            self.isRetry = isRetry
            self.wantsAnother = wantsAnother
        }
    }

    /// - Parameters:
    ///   - jobs: of identical requests, newest first.
    ///   - isAttended: true if a client waits for the job's answer or is receiving it.
    /// - Returns: nil if the request is to make a job of its own.
    package static func job(for wish: Wish, among jobs: [DoorJob], isAttended: (JobID) -> Bool) -> DoorJob? {
        let open = jobs.filter { !$0.isCanceled }
        let isAnother = wish.wantsAnother && !wish.isRetry
        let left = open.first { !$0.isDelivered && !isAttended($0.id) && !($0.isUnknown && isAnother) }
        if let left { return left }
        if wish.isRetry, let own = open.first(where: \.mayHaveCost) { return own }
        return isAnother ? nil : open.first(where: \.isUnknown)
    }
}

extension DoorJob {
    fileprivate var isCanceled: Bool {
        if case .failed(.canceled, _) = progress { true } else { false }
    }

    fileprivate var isUnknown: Bool {
        if case .failed(.outcomeUnknown, _) = progress { true } else { false }
    }

    /// True if a call of it was billed, may have been, or may still be.
    fileprivate var mayHaveCost: Bool {
        switch progress {
        case .inFlight, .done: true
        case .failed(let reason, _):
            switch reason {
            case .noImage, .outcomeUnknown, .linkLost: true
            case .rejected, .moderated, .exhausted, .canceled: false
            }
        }
    }
}
