import FluxqModel

/// A link in an answer.
struct SimulatedLink: Sendable {
    enum Behaviour: String, CaseIterable, Sendable {
        case good
        /// Fails or breaks off several times, then gives the picture.
        case flaky, cut
        /// Never gives a picture.
        case dead, refused, impossible, junk
    }

    /// The number of the call that it answers.
    let call: Int
    let lane: Lane
    let behaviour: Behaviour
    let contents: Contents
    /// The time on the API's clock when it expires; nil if it lives for a week.
    let expires: Timestamp?
    let made: Timestamp
    var failuresLeft: Int

    func isAlive(at time: Timestamp) -> Bool {
        time < (expires ?? made + .seconds(7 * 86_400))
    }

    /// True if repeated requests eventually get the picture.
    var isGood: Bool { [.good, .flaky, .cut].contains(behaviour) }

    /// The same link after all failures have ended.
    var mended: SimulatedLink {
        SimulatedLink(
            call: call, lane: lane, behaviour: .good,
            contents: contents.isPicture ? contents : Contents.pictures[0], expires: expires, made: made,
            failuresLeft: 0)
    }
}
