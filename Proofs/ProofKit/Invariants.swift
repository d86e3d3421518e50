package import FluxqSandbox
import NIOPosix

/// The promises, checked from outside on what a stopped daemon left: the database by SQL of its own, every archived file
/// by its own SHA-256, and the API's ledger, which knows best what was billed.
package struct Invariants: Sendable {
    /// Jobs that may be neither done nor failed.
    package enum Unfinished: Sendable {
        case none
        /// Those that wait for a time of their own, and those whose time came while the daemon was being stopped.
        case pausing
        /// All: nobody waited for them.
        case any
    }

    package let state: StateSnapshot
    /// Calls that reached the API.
    package let calls: [SandboxLedger.Entry]
    package let submitted: [SubmittedJob]
    let unfinished: Unfinished
    let killed: [KilledLife]
    let stateDirectory: String
    /// In the order of their numbers.
    let attempts: [Int64: [StateSnapshot.Attempt]]
    let pictures: [Int64: [StateSnapshot.Picture]]

    /// Reads what there is.
    ///
    /// - Parameters:
    ///   - submitted: every job that the proof's clients ever asked for, acknowledged or not.
    ///   - calls: of the API's ledger.
    ///   - killed: lives that ended at a point which tells what had been read by then.
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

    /// Everything that does not hold.
    package func violations() async throws -> [Violation] {
        let files = try await NIOThreadPool.singleton.runIfActive { try fileViolations() }
        return state.damage.map { Violation(.databaseIsWhole, $0) } + submitViolations() + callViolations()
            + stuckViolations() + ledgerViolations() + pictureViolations() + killViolations() + files
    }

    private func submitViolations() -> [Violation] {
        let jobs = Dictionary(grouping: state.jobs, by: \.prompt)
        let wanted = Set(submitted.map(\.prompt))
        var violations: [Violation] = []
        for submit in submitted {
            let own = jobs[submit.prompt, default: []]
            let made = own.map(\.id)
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

    /// Every picture of the API is unlike any other's, so bytes that two jobs share went astray.
    private func pictureViolations() -> [Violation] {
        let saved = state.pictures.filter { $0.state == "saved" }
        return Dictionary(grouping: saved) { $0.hash ?? "" }.compactMap { hash, pictures in
            let jobs = Set(pictures.map(\.job)).sorted()
            return jobs.count > 1 ? Violation(.picturesAreTheirJobs, "the jobs \(jobs) share the picture \(hash)") : nil
        }
    }
}
