package import FluxqModel

/// A lane that was closed, or opened again.
package struct LaneNews: Hashable, Sendable {
    package let lane: Lane
    /// nil: the lane is open.
    package let hold: LaneGate.Hold?
}
