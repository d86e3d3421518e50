import FluxqModel

/// Start-time fair queueing between the owners of an endpoint's jobs (Goyal, Vin, Cheng 1996): every call has a start tag in
/// virtual time, and the smallest goes first.
///
/// ```
/// start tag of an owner's next call = max(endpoint's virtual time, end of its call before)
/// end of a call                     = its start tag + images / weight
/// endpoint's virtual time           = start tag of the call that was claimed last
/// ```
///
/// An owner who comes into the line, or back from a limit or from a lane that was closed, begins at the endpoint's virtual
/// time: before everybody who was served since, and with no credit for the time away. What was claimed is never given back,
/// not even for a call that was not billed: an owner whose calls all fail would else stay first for ever.
struct FairShare: Hashable {
    /// An owner's place among the others; the smallest goes first, of equal ones who was served longest ago.
    struct Turn: Hashable, Comparable {
        /// The end of the owner's call before.
        var virtualTime: Int64
        /// The number of that call among everybody's.
        var lastTurn: Int64
        let uid: UInt32

        static func < (one: Turn, other: Turn) -> Bool {
            (one.virtualTime, one.lastTurn, one.uid) < (other.virtualTime, other.lastTurn, other.uid)
        }
    }

    /// What one image moves the virtual time of an owner of weight 1.
    private static let imageTime: Int64 = 1_000_000

    var virtualTime: Int64
    /// Calls so far.
    var turns: Int64

    /// An owner is served: moves the virtual time.
    ///
    /// - Returns: the owner's turn after it.
    mutating func serve(_ turn: Turn, images: Int, weight: Int) -> Turn {
        let start = max(virtualTime, turn.virtualTime)
        virtualTime = start
        turns += 1
        return Turn(virtualTime: start + Int64(images) * Self.imageTime / Int64(weight), lastTurn: turns, uid: turn.uid)
    }
}
