import FluxqModel

/// Start-time fair queueing between the owners of an endpoint's jobs (Goyal, Vin, Cheng 1996): every call has a start
/// tag in virtual time, and the smallest goes first.
///
/// ```
/// start tag of an owner's next call = max(endpoint's virtual time, end of the owner's previous call)
/// end of a call                     = its start tag + images / weight
/// endpoint's virtual time           = start tag of the last claimed call
/// ```
///
/// An owner who joins the queue, or returns from a limit or a closed lane, starts at the endpoint's virtual time. That
/// is before all owners who were served since, and without credit for the absence. A claimed turn is never returned,
/// not even for a call that was not billed: an owner whose calls all fail would otherwise stay first forever.
struct FairShare: Hashable {
    /// An owner's position among the others. The smallest goes first; among equal ones, the one that was served longest
    /// ago.
    struct Turn: Hashable, Comparable {
        /// The end of the owner's previous call.
        var virtualTime: Int64
        /// The number of that call among all owners' calls.
        var lastTurn: Int64
        let uid: UInt32

        static func < (one: Turn, other: Turn) -> Bool {
            (one.virtualTime, one.lastTurn, one.uid) < (other.virtualTime, other.lastTurn, other.uid)
        }
    }

    /// The virtual time of one image for an owner of weight 1.
    private static let imageTime: Int64 = 1_000_000

    var virtualTime: Int64
    /// The number of calls so far.
    var turns: Int64

    /// Serves an owner, which moves the virtual time.
    ///
    /// - Returns: the owner's turn after the call.
    mutating func serve(_ turn: Turn, images: Int, weight: Int) -> Turn {
        let start = max(virtualTime, turn.virtualTime)
        virtualTime = start
        turns += 1
        return Turn(virtualTime: start + Int64(images) * Self.imageTime / Int64(weight), lastTurn: turns, uid: turn.uid)
    }
}
