import FluxqModel

/// A link that an answer handed out.
struct SimulatedLink: Sendable {
    enum Behaviour: String, CaseIterable, Sendable {
        case good
        /// Fails or breaks off some times, then gives the picture.
        case flaky, cut
        /// Never gives a picture.
        case dead, refused, impossible, junk
    }

    /// The call that it answers.
    let call: Int
    let lane: Lane
    let behaviour: Behaviour
    let contents: Contents
    /// When it dies by the API's clock; nil if it lives for a week.
    let expires: Timestamp?
    let made: Timestamp
    var failuresLeft: Int

    func isAlive(at time: Timestamp) -> Bool {
        time < (expires ?? made + .seconds(7 * 86_400))
    }

    /// Whether it gives the picture to somebody who asks often enough.
    var isGood: Bool { [.good, .flaky, .cut].contains(behaviour) }

    /// The same link once nothing goes wrong any more.
    var mended: SimulatedLink {
        SimulatedLink(
            call: call, lane: lane, behaviour: .good,
            contents: contents.isPicture ? contents : Contents.pictures[0], expires: expires, made: made,
            failuresLeft: 0)
    }
}
