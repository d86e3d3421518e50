import FluxqModel

/// A job and the number of its attempt.
struct AttemptID: Hashable, CustomStringConvertible {
    let job: JobID
    let number: Int

    var description: String { "job \(job), attempt \(number)" }
}

/// One call in the records of the simulated API.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class SimulatedCall: @unchecked Sendable {
    /// The result that the API intends for the call.
    enum Plan: Hashable, Sendable {
        case pictures, nothing, rejected, moderated, serverError
        /// Billed, but the answer contains no picture, or a link that never gives one.
        case junk, deadLinks
        /// The connection ends without an answer, after the work was done and billed, or before.
        case lostBilled, lostUnbilled
        /// A gateway answers instead of the API.
        case gatewayFails(Int)
        case connectionFails, uploadFails
        /// Refused because of the account or the permissions of the key.
        case refused(Int, code: String)
        case wrongAddress(Int), webPage
        case tooMany(Duration?)

        var isRateLimit: Bool { if case .tooMany = self { true } else { false } }

        /// Results that can happen by chance, without anyone's fault.
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
    /// The life of the daemon that made the call.
    let life: Int
    let plan: Plan
    let cause: Cause
    /// Times are those of the simulation's clock.
    let begunAt: Int64
    /// The time when the workers received the result.
    var endedAt: Int64?
    /// True once the request's last byte has arrived.
    var isSent = false
    var isBilled = false
    /// True if it exceeded the limit of concurrent calls.
    var isTooMany = false
    /// The report to the workers; nil while the call is in flight or if they died meanwhile.
    var report: CallReport?
    var isOver = false
    /// True if the workers broke it off: they know why, and it tells them nothing about the lane.
    var isGivenUp = false
    /// True once its callers have recorded its end.
    var isRecorded = false
    /// Inline pictures that were received completely, by hash.
    var inline: [ContentHash] = []
    /// Those of them that are pictures in base64, complete to the end of their text.
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
