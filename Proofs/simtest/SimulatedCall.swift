import FluxqModel

/// Which attempt of which job.
struct AttemptID: Hashable, CustomStringConvertible {
    let job: JobID
    let number: Int

    var description: String { "job \(job), attempt \(number)" }
}

/// One call in the books of the simulated API.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class SimulatedCall: @unchecked Sendable {
    /// What the API means to make of it.
    enum Plan: String, CaseIterable, Sendable {
        case pictures, nothing, rejected, moderated, serverError
        /// The connection ends without an answer, after the work was done and billed, or before.
        case lostBilled, lostUnbilled
        case connectionFails, uploadFails
    }

    let number: Int
    let attempt: AttemptID
    let prompt: String
    /// Which of the daemon's lives made it.
    let life: Int
    let plan: Plan
    /// The request's last byte has come.
    var isSent = false
    var isBilled = false
    /// What the workers were told; nil while the call is in flight or when they died meanwhile.
    var report: CallReport?
    var isOver = false
    /// Inline pictures that came whole, by what they are.
    var inline: [ContentHash] = []
    /// Those of them that are pictures in base64 to the end of their text.
    var whole: [ContentHash] = []

    init(number: Int, attempt: AttemptID, prompt: String, life: Int, plan: Plan) {
        self.number = number
        self.attempt = attempt
        self.prompt = prompt
        self.life = life
        self.plan = plan
    }
}

/// A link that an answer handed out.
struct SimulatedLink: Sendable {
    enum Behaviour: String, CaseIterable, Sendable {
        case good
        /// Fails or breaks off some times, then gives the picture.
        case flaky, cut
        /// Never gives a picture.
        case dead, refused, impossible, junk
    }

    let behaviour: Behaviour
    let contents: Contents
    /// When it dies by the API's clock; nil where it lives for a week.
    let expires: Timestamp?
    let made: Timestamp
    var failuresLeft: Int

    func isAlive(at time: Timestamp) -> Bool {
        time < (expires ?? made + .seconds(7 * 86_400))
    }

    /// Whether it gives the picture to somebody who asks often enough.
    var isGood: Bool { [.good, .flaky, .cut].contains(behaviour) }
}
