/// Compares fluxq's ledger with its own sums: the counters of jobs, users and days.
extension Invariants {
    /// Outcomes that do not count as attempts: the API never worked on the call.
    private static let deferring = ["not_sent", "account_closed", "rate_limited"]

    func ledgerViolations() -> [Violation] {
        state.jobs.flatMap(jobViolations) + countViolations() + usageViolations()
    }

    private func jobViolations(_ job: StateSnapshot.Job) -> [Violation] {
        let own = attempts[job.id, default: []]
        var violations: [Violation] = []
        func disagree(_ words: String) { violations.append(.init(.ledgersAgree, "job \(job.id) \(words)")) }

        if own.map(\.number) != Array(1..<job.attempt + 1) {
            disagree("has begun \(job.attempt) calls, but the ledger has \(own.map(\.number))")
        }
        let counting = own.count { !Self.deferring.contains($0.outcome ?? "") }
        if counting != job.attempts { disagree("counts \(job.attempts) attempts, but the ledger \(counting)") }
        let open = own.count { $0.billing == "reserved" }
        if open != (job.phase == "calling" ? 1 : 0) {
            disagree("is \(job.state) \(job.phase ?? ""), but has \(open) calls that are not settled")
        }

        let pictures = self.pictures[job.id, default: []].filter { $0.attempt == job.attempt }
        let pending = pictures.count { $0.state == "pending" }
        if (pending > 0) != (job.phase == "archiving") {
            disagree("is \(job.state) \(job.phase ?? ""), but \(pending) of its pictures are still to be fetched")
        }
        if job.state == "done", !pictures.contains(where: { $0.state == "saved" }) {
            disagree("is done, but has no picture")
        }
        if job.state == "done", own.last?.billing != "billed" {
            disagree("is done, but its last call is \(own.last?.billing ?? "none")")
        }
        return violations
    }

    private func countViolations() -> [Violation] {
        let jobs = Dictionary(grouping: state.jobs, by: \.uid)
        return state.counts.flatMap { uid, counts in
            counts.compactMap { word, count in
                let own = jobs[uid, default: []].count { $0.state == word }
                return own == count
                    ? nil : Violation(.ledgersAgree, "user \(uid) has \(own) jobs \(word), but the count says \(count)")
            }
        }
    }

    private func usageViolations() -> [Violation] {
        struct Day: Hashable {
            let uid: Int64
            let day: Int64
        }
        let owners = Dictionary(uniqueKeysWithValues: state.jobs.map { ($0.id, $0.uid) })
        var sums: [Day: (images: Int64, spent: Int64)] = [:]
        for attempt in state.attempts {
            guard let uid = owners[attempt.job] else { continue }
            // A day on which nothing was billed also has a row, because money was reserved on it.
            let images = attempt.billing == "billed" ? attempt.imagesCounted : 0
            sums[Day(uid: uid, day: attempt.day), default: (0, 0)].images += images
            sums[Day(uid: uid, day: attempt.day), default: (0, 0)].spent += images * (attempt.price ?? 0)
        }
        let summed = Set(
            sums.map {
                StateSnapshot.Usage(uid: $0.key.uid, day: $0.key.day, images: $0.value.images, spent: $0.value.spent)
            })
        return summed.symmetricDifference(state.usage).map {
            Violation(.ledgersAgree, "the usage of a day and the sum of its calls differ: \($0)")
        }
    }
}
