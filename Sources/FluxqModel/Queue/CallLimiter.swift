/// The number of calls of a lane that may be in flight: additive increase, multiplicative decrease.
///
/// An answer of "too many" halves the limit, once for all calls that were in flight together. A run of as many
/// successes as the limit raises it by one, up to the endpoint's number.
package struct CallLimiter: Hashable, Sendable, Codable {
    /// nil if the lane is not limited.
    package private(set) var limit: Int?
    /// The number of the latest call that had begun when the limit was last halved.
    private var lastAtCut = 0
    private var successes = 0

    package init(limit: Int? = nil) {
        self.limit = limit
    }

    /// - Parameter ceiling: the maximum number of calls in flight, over all lanes of the endpoint.
    package func allowed(ceiling: Int) -> Int { min(limit ?? ceiling, ceiling) }

    /// Notes that the API answered a call with "too many".
    ///
    /// - Parameters:
    /// - call: the number of the call.
    ///   - latest: the number of the latest call that has begun.
    package mutating func slowDown(call: Int, latest: Int, ceiling: Int) {
        successes = 0
        guard call > lastAtCut else { return }
        lastAtCut = latest
        limit = max(1, allowed(ceiling: ceiling) / 2)
    }

    package mutating func succeed(ceiling: Int) {
        guard let limit else { return }
        successes += 1
        guard successes >= limit else { return }
        successes = 0
        // A limit that has reached the ceiling is removed, so that a higher ceiling applies immediately.
        self.limit = limit + 1 >= ceiling ? nil : limit + 1
    }
}
