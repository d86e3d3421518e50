package import FluxqModel

/// How many calls may be in flight: additive increase, multiplicative decrease.
///
/// An answer of "too many" halves the limit, once for all calls that were in flight together; a run of as many successes as
/// the limit raises it by one, up to `workers.concurrency`.
package struct Pace: Hashable, Sendable {
    /// Names a call between its begin and its end.
    package struct Place: Hashable, Sendable {
        fileprivate let number: Int
    }

    private var ceiling: Int
    package private(set) var limit: Int
    package private(set) var inFlight = 0
    private var begun = 0
    private var begunAtLastCut = 0
    private var successes = 0

    /// - Parameter learnt: the limit of an earlier daemon, which rises from there as it would have.
    package init(ceiling: Int, learnt: Int? = nil) {
        self.ceiling = ceiling
        limit = min(ceiling, max(1, learnt ?? ceiling))
    }

    /// `workers.concurrency` was configured anew. What "too many" has taught stays learnt.
    package mutating func adopt(ceiling: Int) {
        guard ceiling != self.ceiling else { return }
        limit = limit == self.ceiling ? ceiling : min(limit, ceiling)
        self.ceiling = ceiling
    }

    package var hasPlace: Bool { inFlight < limit }

    package mutating func begin() -> Place {
        inFlight += 1
        begun += 1
        return Place(number: begun)
    }

    package mutating func end(_ place: Place, _ outcome: CallOutcome) {
        inFlight -= 1
        switch outcome {
        case .rateLimited:
            successes = 0
            guard place.number > begunAtLastCut else { return }
            begunAtLastCut = begun
            limit = max(1, limit / 2)
        case .answered:
            successes += 1
            guard successes >= limit, limit < ceiling else { return }
            successes = 0
            limit += 1
        case .noImage, .rejected, .moderated, .notSent, .accountClosed, .wrongAddress, .serverError, .unknown, .webPage:
            break
        }
    }
}
