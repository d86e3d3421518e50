/// Compares the answers of the OpenAI-compatible routes with the jobs.
extension Invariants {
    /// The status of the error for each reason why a job has failed.
    private static let statuses = [
        "rejected": 400, "moderated": 400, "exhausted": 502, "no_image": 424, "link_lost": 424, "outcome_unknown": 424,
    ]
    /// Codes of requests that were refused before a job was made.
    private static let refusals: Set = ["queue_held", "queue_paused"]

    func answerViolations() -> [Violation] {
        let jobs = Dictionary(grouping: state.jobs, by: \.prompt)
        return submitted.compactMap { submit in
            guard submit.isOfDoor, let answer = submit.answer else { return nil }
            let made = jobs[submit.prompt, default: []].filter { $0.reason != "canceled" }
            return isRight(answer, made.last)
                ? nil
                : Violation(
                    .answerIsRight,
                    "\(submit.prompt) was answered with \(answer), and its jobs are "
                        + "\(made.map { "\($0.id) \($0.state) \($0.reason ?? "")" })")
        }
    }

    private func isRight(_ answer: DoorAnswer, _ job: StateSnapshot.Job?) -> Bool {
        switch (answer, job) {
        case (.error(_, let code), nil): return Self.refusals.contains(code ?? "")
        case (.error(let status, _), let job?):
            return job.state == "failed" && job.reason.flatMap { Self.statuses[$0] } == status
        case (.pictures, nil): return false
        case (.pictures(let number, let hashes), let job?):
            let saved = pictures[job.id, default: []].filter { $0.state == "saved" && $0.attempt == job.attempt }
            return job.state == "done" && number == job.id && hashes == saved.map { $0.hash ?? "" }
        }
    }
}
