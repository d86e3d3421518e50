package import FluxqModel

/// A lane was closed, or is open again.
package struct LaneNews: Hashable, Sendable {
    package let lane: Lane
    /// nil: it is open.
    package let hold: LaneGate.Hold?
}
