package import FluxqSandbox
import NIOPosix

/// Checks of the promises, made from outside on the state of a stopped daemon. They read the database with their own
/// SQL, hash every archived file, and use the API's ledger, the authority on bills.
package struct Invariants: Sendable {
    /// Jobs that may be neither done nor failed.
    package enum Unfinished: Sendable {
        case none
        /// Jobs that wait for a time of their own, and jobs that became due while the daemon was stopping.
        case pausing
        /// Any job: the proof did not wait for the jobs to end.
        case any
    }

    package let state: StateSnapshot
    /// Calls that reached the API.
    package let calls: [SandboxLedger.Entry]
    package let submitted: [SubmittedJob]
    let unfinished: Unfinished
    let killed: [KilledLife]
    let stateDirectory: String
    /// Each job's attempts in the order of their numbers.
    let attempts: [Int64: [StateSnapshot.Attempt]]
    let pictures: [Int64: [StateSnapshot.Picture]]

    /// Reads the state directory.
    ///
    /// - Parameters:
    ///   - submitted: every job that the proof's clients ever asked for, acknowledged or not.
    /// - calls: the calls in the API's ledger.
    ///   - killed: lives that ended at a crash point that tells how much had been received by then.
    package init(
        stateDirectory: String, submitted: [SubmittedJob], calls: [SandboxLedger.Entry], unfinished: Unfinished = .none,
        killed: [KilledLife] = []
    ) async throws {
        state = try await NIOThreadPool.singleton.runIfActive {
            try StateSnapshot(path: "\(stateDirectory)/queue.sqlite")
        }
        self.calls = calls
        self.submitted = submitted
        self.unfinished = unfinished
        self.killed = killed
        self.stateDirectory = stateDirectory
        attempts = Dictionary(grouping: state.attempts, by: \.job)
        pictures = Dictionary(grouping: state.pictures, by: \.job)
    }

    /// Returns every violation of the promises.
    package func violations() async throws -> [Violation] {
        let files = try await NIOThreadPool.singleton.runIfActive { try fileViolations() }
        return state.damage.map { Violation(.databaseIsWhole, $0) } + submitViolations() + callViolations()
            + stuckViolations() + answerViolations() + ledgerViolations() + pictureViolations() + killViolations()
            + files
    }

    private func submitViolations() -> [Violation] {
        let jobs = Dictionary(grouping: state.jobs, by: \.prompt)
        let wanted = Set(submitted.map(\.prompt))
        var violations: [Violation] = []
        for submit in submitted {
            let own = jobs[submit.prompt, default: []]
            // A job that nobody waited for was canceled before it was called; the next request makes another one.
            let made = own.filter { !submit.isOfDoor || $0.reason != "canceled" }.map(\.id)
            if let id = submit.acknowledged, !made.contains(id) {
                violations.append(.init(.acknowledgedIsThere, "job \(id) (\(submit.prompt)) is gone"))
            }
            if made.count > 1 {
                violations.append(.init(.oneJobASubmit, "\(submit.prompt) became the jobs \(made)"))
            }
            for job in own where submit.isCancelAcknowledged && job.state != "running" && job.reason != "canceled" {
                violations.append(.init(.cancelHolds, "job \(job.id) is \(job.state) \(job.reason ?? "")"))
            }
        }
        for job in state.jobs where !wanted.contains(job.prompt) {
            violations.append(.init(.oneJobASubmit, "nobody submitted job \(job.id) (\(job.prompt))"))
        }
        return violations
    }

    private func stuckViolations() -> [Violation] {
        state.jobs.compactMap { job in
            let isAllowed =
                switch (unfinished, job.state) {
                case (_, "done"), (_, "failed"), (.any, _): true
                case (.pausing, "queued"): job.isPausing || job.attempt > 0
                case (.pausing, "running"): job.phase == "archiving" && job.attempt > 1
                case (.none, _), (.pausing, _): false
                }
            return isAllowed
                ? nil
                : Violation(
                    .nothingIsStuck, "job \(job.id) is \(job.state) \(job.phase ?? "") after everything settled")
        }
    }

    /// Every picture of the API is unique, so bytes that two jobs share went to the wrong job.
    private func pictureViolations() -> [Violation] {
        let saved = state.pictures.filter { $0.state == "saved" }
        return Dictionary(grouping: saved) { $0.hash ?? "" }.compactMap { hash, pictures in
            let jobs = Set(pictures.map(\.job)).sorted()
            return jobs.count > 1 ? Violation(.picturesAreTheirJobs, "the jobs \(jobs) share the picture \(hash)") : nil
        }
    }
}
