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

extension LimitReached {
    /// What the limit is and how much of it is used: whole sentences.
    package var account: String {
        let limit = "is \(amount(limit)) (limits.\(kind.rawValue))"
        let wanted = "wanted: \(amount(asked))"
        if isUnpriced { return "The limit of spend a \(period) \(limit), and the model has no price to count with." }
        return switch kind {
        case .queuedJobs: "The limit of queued jobs \(limit); queued now: \(used)."
        case .runningJobs: "The limit of running jobs \(limit); running now: \(used)."
        case .imagesPerDay: "The limit of images a day \(limit); used or set aside: \(used), \(wanted)."
        case .spendPerDay, .spendPerMonth:
            "The limit of spend a \(period) \(limit); spent or set aside: \(amount(used)), \(wanted)."
        case .retriesPerDay: "The limit of retries by hand a day \(limit); used: \(used)."
        case .inputBytes: "The limit of one picture \(limit); this one has \(amount(asked))."
        case .unusedInputBytes:
            "The limit of pictures that no job has used yet \(limit); there now: \(amount(used))\(coming), \(wanted)."
        case .archiveBytes:
            "The limit of the archive \(limit); there now: \(amount(used))\(coming)"
                + (asked > 0 ? ", \(wanted)." : ".")
        case .keptBytes:
            "The limit of text that jobs hold in the database \(limit); there now: \(amount(used))."
        }
    }

    /// When it frees, and what can be done: whole sentences.
    package var release: String {
        if isUnpriced { return "Take another model, or ask an administrator to set its price (prices)." }
        if onTheWay > 0 { return "It frees as soon as the pictures that you are sending are there or given up." }
        if let freesAt { return "It is renewed at \(Self.minute(freesAt)) UTC." }
        if kind == .inputBytes { return "Make it smaller, or ask an administrator to raise the limit." }
        if canNeverFit {
            return "That alone is more than the limit: ask for less, or ask an administrator to raise it."
        }
        return switch kind {
        case .queuedJobs: "It frees as soon as one of them begins or is canceled."
        case .runningJobs: "It frees as soon as one of them has ended."
        case .unusedInputBytes: "It frees as soon as a job uses one, or a day after it was sent."
        case .archiveBytes:
            "Forget jobs that you need no longer (fluxq forget --before 30d); inputs that no job uses are removed a day "
                + "after they were sent. For more, ask an administrator."
        case .keptBytes:
            "Forget jobs that have ended and that you need no longer, such as with: fluxq forget --before 30d. Jobs that wait "
                + "can be canceled, then forgotten. For more, ask an administrator."
        case .imagesPerDay, .spendPerDay, .spendPerMonth, .retriesPerDay, .inputBytes:
            "Ask an administrator to raise the limit."
        }
    }

    /// `, on their way: 3 MiB`.
    private var coming: String { onTheWay > 0 ? ", on their way: \(amount(onTheWay))" : "" }

    private var period: String { kind.period == .month ? "month" : "day" }

    private func amount(_ value: Int64) -> String {
        LimitWords.amount(value, kind.unit, currency: currency)
    }

    /// `2026-11-26 00:00`.
    private static func minute(_ time: Timestamp) -> String {
        String(WireTime(time).text.prefix(16)).replacing("T", with: " ")
    }
}
