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
    enum Plan: Hashable, Sendable {
        case pictures, nothing, rejected, moderated, serverError
        /// Billed, and what comes is no picture, or a link that never gives one.
        case junk, deadLinks
        /// The connection ends without an answer, after the work was done and billed, or before.
        case lostBilled, lostUnbilled
        /// A gateway answers in the API's place.
        case gatewayFails(Int)
        case connectionFails, uploadFails
        /// The account, or what the key may do.
        case refused(Int, code: String)
        case wrongAddress(Int), webPage
        case tooMany(Duration?)

        var isRateLimit: Bool { if case .tooMany = self { true } else { false } }

        /// What a call can meet by chance, with nobody to blame.
        static let byChance: [Plan] = [
            .pictures, .nothing, .junk, .rejected, .moderated, .serverError, .lostBilled, .lostUnbilled,
            .gatewayFails(502), .connectionFails, .uploadFails, .wrongAddress(404), .webPage,
        ]
    }

    enum Cause: Hashable, Sendable {
        case outage(Outage)
        case hostility(Hostility)
        case chance
    }

    let number: Int
    let attempt: AttemptID
    let prompt: String
    let owner: UInt32
    let lane: Lane
    /// Which of the daemon's lives made it.
    let life: Int
    let plan: Plan
    let cause: Cause
    /// On the simulation's clock.
    let begunAt: Int64
    /// When the workers were told how.
    var endedAt: Int64?
    /// The request's last byte has come.
    var isSent = false
    var isBilled = false
    /// It was one too many of those at once.
    var isTooMany = false
    /// What the workers were told; nil while the call is in flight or when they died meanwhile.
    var report: CallReport?
    var isOver = false
    /// The workers hung up before its end: they know why, and it tells them nothing about the lane.
    var isGivenUp = false
    /// Its end has been written down by those who made it.
    var isRecorded = false
    /// Inline pictures that came whole, by what they are.
    var inline: [ContentHash] = []
    /// Those of them that are pictures in base64 to the end of their text.
    var whole: [ContentHash] = []

    init(
        number: Int, attempt: AttemptID, prompt: String, owner: UInt32, lane: Lane, life: Int, plan: Plan,
        cause: Cause, begunAt: Int64
    ) {
        self.number = number
        self.attempt = attempt
        self.prompt = prompt
        self.owner = owner
        self.lane = lane
        self.life = life
        self.plan = plan
        self.cause = cause
        self.begunAt = begunAt
    }

    var isBillable: Bool {
        switch plan {
        case .pictures, .nothing, .junk, .deadLinks, .lostBilled: true
        default: false
        }
    }
}
