package import FluxqModel

/// Limits in words, the same wherever a person meets them.
package enum LimitWords {
    /// `100`, `5 USD`, `1.5 GiB`.
    package static func amount(_ value: Int64, _ unit: LimitKind.Unit, currency: String?) -> String {
        switch unit {
        case .count: "\(value)"
        case .bytes: ByteCount.words(value)
        case .money: "\(value < 0 ? "-" : "")\(FixedPoint.text(abs(value), decimals: 6)) \(currency ?? "(no currency)")"
        }
    }

    /// What is limited, for the head of a line.
    package static func name(_ kind: LimitKind) -> String {
        switch kind {
        case .queuedJobs: "queued jobs"
        case .runningJobs: "running jobs"
        case .imagesPerDay: "images a day"
        case .spendPerDay: "spend a day"
        case .spendPerMonth: "spend a month"
        case .retriesPerDay: "retries a day"
        case .inputBytes: "one input"
        case .unusedInputBytes: "unused inputs"
        case .archiveBytes: "archive"
        case .keptBytes: "text of jobs"
        }
    }
}
