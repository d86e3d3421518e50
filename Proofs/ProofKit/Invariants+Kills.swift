/// Compares the data that killed daemons had received with the records of their successors.
extension Invariants {
    func killViolations() -> [Violation] {
        killed.flatMap { life -> [Violation] in
            let begun = state.attempts.filter { life.covers($0.begunAt) }
            var violations: [Violation] = []
            let kept = begun.reduce(0) { count, attempt in
                count + pictures[attempt.job, default: []].count { $0.attempt == attempt.number && $0.isInline }
            }
            if kept < life.inlinePictures {
                violations.append(
                    .init(
                        .readIsKept,
                        "\(life.inlinePictures) inline pictures had come when fluxqd was killed, and \(kept) are recorded"
                    ))
            }
            let interrupted = begun.count {
                $0.billing == "unknown" && $0.message?.contains("stoppedWhile") ?? false
            }
            if interrupted > begun.count - life.answers {
                violations.append(
                    .init(
                        .readIsKept,
                        "\(life.answers) of \(begun.count) answers had come when fluxqd was killed, and \(interrupted) are unknown"
                    ))
            }
            return violations
        }
    }
}
