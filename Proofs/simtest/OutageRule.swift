import FluxqModel

/// An outage, however often it returns, costs no job and no attempt: a job that is called meanwhile and is not billed
/// returns to its former state.
///
/// `LaneRule` bounds the cost of an outage with unknown or billed ends: three jobs, those in flight, and the probes.
final class OutageRule {
    private let api: SimulatedAPI
    /// The strikes that a job may have: one for each call since its submit or retry that was not affected by an outage.
    private var deserved: [JobID: Int] = [:]

    init(api: SimulatedAPI) {
        self.api = api
    }

    func retried(_ job: JobID) { deserved[job] = 0 }

    /// Checks a call whose end was recorded in the ledger.
    ///
    /// - Parameters:
    /// - events: the events of its job in the same commit.
    ///   - reason: the reason why the job has failed; nil if it has not.
    func settled(_ row: Books.AttemptRow, events: [Books.Event], reason: String?) throws {
        let attempt = row.id
        // If a process died before it could record an answer, the answer is lost.
        guard row.billing == "not_billed", let call = api.callOfAttempt[attempt], let outage = call.freeOutage else {
            return deserved[attempt.job, default: 0] += 1
        }
        if call.isHostile { deserved[attempt.job, default: 0] += 1 }
        // A retry in the same commit has removed the reason.
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

    /// The outage that the call met, if the call was not billed.
    var freeOutage: Outage? {
        guard case .outage(let outage) = cause, outage.isFree, let kind = report?.outcome.kind else { return nil }
        // The call may have been given up before it met the outage.
        return [.notSent, .accountClosed, .wrongAddress].contains(kind) ? outage : nil
    }
}
