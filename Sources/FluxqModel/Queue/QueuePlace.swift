/// Where a job stands among all that wait for nothing but their turn, and when its turn comes as things look now.
package struct QueuePlace: Hashable, Sendable {
    /// From 1, the next to be called; nil if more than `furthest` are ahead.
    package var place: Int?
    /// From the durations of recent calls; nil if too far away, nothing was measured yet, or the queue is stopped.
    package var startsAt: Timestamp?

    /// Places are counted up to here: what lies further back is not worth the counting.
    package static let furthest = 1000

    package init(place: Int?, startsAt: Timestamp? = nil) {
        self.place = place
        self.startsAt = startsAt
    }
}
