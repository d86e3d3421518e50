/// The queue position of a job that only waits for its turn, and the estimated time of its call.
package struct QueuePlace: Hashable, Sendable {
    /// From 1, the next to be called; nil if more than `furthest` are ahead.
    package var place: Int?
    /// The estimate from the durations of recent calls; nil if the job is too far back, nothing was measured yet, or
    /// the queue is stopped.
    package var startsAt: Timestamp?

    /// Positions are counted up to this number; the exact position of jobs further back is not worth its cost.
    package static let furthest = 1000

    package init(place: Int?, startsAt: Timestamp? = nil) {
        self.place = place
        self.startsAt = startsAt
    }
}
