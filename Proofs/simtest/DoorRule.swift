import FluxqDoor
import FluxqModel
import FluxqStore

/// The promises of the OpenAI-compatible routes:
///
/// - a wish is billed once, unless a further call was asked for (`SimulatedAPI.billsAllowed`);
/// - an answer that was delivered is given to no later request, unless that is a retry or the outcome is unknown;
/// - a queued job that nobody waits for is canceled after a minute, and no other job is;
/// - no admission waits for ever.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class DoorRule: @unchecked Sendable {
    private static let patience = WaitingRoom.patience.milliseconds
    /// After an error of the store, and because steps take time.
    private static let delay: Int64 = 6000

    private let clients: DoorClients
    private let clock: SimulatedClock
    private let trace: Trace
    private let books: () -> Books
    /// The clients that wait for a job's answer or receive it.
    private var attending: [JobID: Int] = [:]
    /// When the last client left, or the job was queued again.
    private var leftAt: [JobID: Int64] = [:]
    private var queuedAt: [JobID: Int64] = [:]
    private var lifeBegan: Int64 = 0
    /// Until then the daemon did not serve, or the disk was full.
    private var excusedUntil: Int64 = 0
    private var delivered: Set<JobID> = []
    /// Jobs that stay queued, because a person has retried them by hand.
    private var retried: Set<JobID> = []

    init(_ clients: DoorClients, clock: SimulatedClock, trace: Trace, books: @escaping () -> Books) {
        self.clients = clients
        self.clock = clock
        self.trace = trace
        self.books = books
    }

    private func rows() -> [(row: Books.JobRow, content: DoorContent)] {
        do {
            return try books().jobs().compactMap { row in clients.content(row.prompt).map { (row, $0) } }
        } catch {
            trace.violate("\(error)")
            return []
        }
    }

    func failedJobs() -> [(JobID, DoorContent)] {
        rows().filter { $0.row.state == "failed" }.map { ($0.row.id, $0.content) }
    }

    // MARK: - What the clients see

    /// - Parameter isThere: false if the client has gone: it may have sent its request again, and gets no answer.
    func seated(at seat: WaitingRoom.Seat, _ content: DoorContent, _ match: RequestMatch.Wish, isThere: Bool) {
        let job = seat.job
        attended(job)
        guard let row = rows().first(where: { $0.row.id == job })?.row, content.owns(row.prompt) else {
            return trace.violate("\"\(content.name)\" got job \(job), which is another's")
        }
        if isThere, seat.isJoined, content.kind == .plain, !match.isRetry, delivered.contains(job),
            row.reason != "outcome_unknown"
        {
            trace.violate("the answer of job \(job) was delivered, and is given to another request")
        }
    }

    func attended(_ job: JobID) { attending[job, default: 0] += 1 }

    func left(_ job: JobID) {
        attending[job, default: 0] -= 1
        leftAt[job] = clock.elapsed
    }

    /// - Parameter job: as it was when its answer was made.
    func delivered(_ job: Job) {
        do {
            if try books().finishedAt(job.id) == job.finishedAt { delivered.insert(job.id) }
        } catch {
            trace.violate("\(error)")
        }
    }

    // MARK: - What the daemon does

    func lifeBegins() {
        lifeBegan = clock.elapsed
        for job in attending.keys where attending[job] != 0 { leftAt[job] = clock.elapsed }
        attending = [:]
    }

    /// - Parameter place: of the job before that event.
    func follow(_ event: Books.Event, of job: JobID, from place: Referee.Place?) throws {
        switch event.kind {
        case "retried":
            delivered.remove(job)
            retried.insert(job)
        case "submitted", "deferred", "attempt_failed": queuedAt[job] = clock.elapsed
        case "failed" where place == .queued && event.actor == nil: try checkAbandonment(of: job)
        default: break
        }
    }

    private func checkAbandonment(of job: JobID) throws {
        guard let (row, content) = rows().first(where: { $0.row.id == job }), row.reason == "canceled" else { return }
        if content.kind != .plain || retried.contains(job) {
            throw Violation(description: "job \(job) is to stay queued, and was canceled because nobody waits for it")
        }
        if attending[job, default: 0] > 0 {
            throw Violation(description: "job \(job) was canceled, and a client waits for it")
        }
        let alone = clock.elapsed - (leftAt[job] ?? lifeBegan)
        if alone < Self.patience {
            throw Violation(description: "job \(job) was canceled \(alone) ms after its last client had left")
        }
    }

    /// - Parameters:
    ///   - isServing: true if everything due must be in progress.
    ///   - admissions: that have not ended.
    func atRest(isServing: Bool, admissions: Int, excusedUntil: Int64) throws {
        if admissions > 0 { throw Violation(description: "\(admissions) admissions wait for ever") }
        self.excusedUntil = max(self.excusedUntil, isServing ? min(excusedUntil, clock.elapsed) : clock.elapsed)
        for (row, content) in rows()
        where row.state == "queued" && content.kind == .plain && !retried.contains(row.id)
            && attending[row.id, default: 0] == 0
        {
            let since = max(lifeBegan, self.excusedUntil, leftAt[row.id] ?? 0, queuedAt[row.id] ?? 0)
            if clock.elapsed - since > Self.patience + Self.delay {
                throw Violation(
                    description:
                        "nobody has waited for job \(row.id) for \(clock.elapsed - since) ms, and it is queued")
            }
        }
    }
}
