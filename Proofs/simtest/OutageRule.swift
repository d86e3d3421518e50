import FluxqModel

/// An outage, however often it comes back, costs no job and no attempt: a job that is called meanwhile and is not billed
/// goes back to where it was.
///
/// What an outage with unknown or billed ends may cost, `LaneRule` bounds: three jobs, those in flight, and the probes.
final class OutageRule {
    private let api: SimulatedAPI
    /// Strikes that a job may have by now: one for each call since its submit or retry that was no outage's.
    private var deserved: [JobID: Int] = [:]

    init(api: SimulatedAPI) {
        self.api = api
    }

    func retried(_ job: JobID) { deserved[job] = 0 }

    /// A call has got its end in the ledger.
    ///
    /// - Parameters:
    ///   - events: of its job, in the same commit.
    ///   - reason: why the job has failed, if it has.
    func settled(_ row: Books.AttemptRow, events: [Books.Event], reason: String?) throws {
        let attempt = row.id
        // Of what was told to a process that died before it could write it down nobody knows anything.
        guard row.billing == "not_billed", let call = api.callOfAttempt[attempt], let outage = call.freeOutage else {
            return deserved[attempt.job, default: 0] += 1
        }
        if call.isHostile { deserved[attempt.job, default: 0] += 1 }
        // A retry in the same commit has taken the reason away.
        let isCanceled = reason == "canceled" || call.isGivenUp && events.contains { $0.kind == "retried" }
        guard !call.isHostile, !isCanceled else { return }
        guard events.contains(where: { $0.kind == "deferred" }) else {
            throw Violation(
                description:
                    "\(attempt) met an outage (\(outage)), and the log says \(events.map(\.kind)): it cost an attempt")
        }
    }

    func check(_ jobs: [Books.JobRow]) throws {
        for job in jobs where job.uid != Scene.mallory.uid && job.state != "done" {
            let most = deserved[job.id, default: 0]
            if job.strikes > most {
                throw Violation(
                    description:
                        "job \(job.id) has \(job.strikes) strikes, and \(most) of its calls failed by no outage")
            }
        }
    }
}

extension SimulatedCall {
    fileprivate var isHostile: Bool { owner == Scene.mallory.uid }

    /// The outage that it met, if nobody was billed for it.
    var freeOutage: Outage? {
        guard case .outage(let outage) = cause, outage.isFree, let kind = report?.outcome.kind else { return nil }
        // It may have been given up before it came to that.
        return [.notSent, .accountClosed, .wrongAddress].contains(kind) ? outage : nil
    }
}
