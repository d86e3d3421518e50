package import FluxqModel

extension LimitReached {
    /// What the limit is and how much of it is used: whole sentences.
    package var account: String {
        let limit = "is \(amount(limit)) (limits.\(kind.rawValue))"
        let wanted = "wanted: \(amount(asked))"
        if isUnpriced { return "The limit of spend a \(period) \(limit), but the model has no price." }
        return switch kind {
        case .queuedJobs: "The limit of queued jobs \(limit); queued now: \(used)."
        case .runningJobs: "The limit of running jobs \(limit); running now: \(used)."
        case .imagesPerDay: "The limit of images a day \(limit); used or set aside: \(used), \(wanted)."
        case .spendPerDay, .spendPerMonth:
            "The limit of spend a \(period) \(limit); spent or set aside: \(amount(used)), \(wanted)."
        case .retriesPerDay: "The limit of manual retries a day \(limit); used: \(used)."
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
        if isUnpriced { return "Choose another model, or ask an administrator to set its price (prices)." }
        if onTheWay > 0 { return "Capacity returns when your uploads in progress have ended." }
        if let freesAt { return "It is renewed at \(Self.minute(freesAt)) UTC." }
        if kind == .inputBytes { return "Make it smaller, or ask an administrator to raise the limit." }
        if canNeverFit {
            return "This request alone exceeds the limit. Ask for less, or ask an administrator to raise "
                + "the limit."
        }
        return switch kind {
        case .queuedJobs: "Capacity returns when one of them starts or is canceled."
        case .runningJobs: "Capacity returns when one of them has ended."
        case .unusedInputBytes: "Capacity returns when a job uses one, or a day after it was sent."
        case .archiveBytes:
            "Forget jobs that you no longer need (fluxq forget --before 30d). Unused inputs are removed a day after "
                + "upload. For more, ask an administrator."
        case .keptBytes:
            "Forget ended jobs that you no longer need, such as with: fluxq forget --before 30d. You can cancel "
                + "queued jobs, then forget them. For more, ask an administrator."
        case .imagesPerDay, .spendPerDay, .spendPerMonth, .retriesPerDay, .inputBytes:
            "Ask an administrator to raise the limit."
        }
    }

    /// `, on their way: 3 MiB`.
    private var coming: String { onTheWay > 0 ? ", uploading: \(amount(onTheWay))" : "" }

    private var period: String { kind.period == .month ? "month" : "day" }

    private func amount(_ value: Int64) -> String {
        LimitWords.amount(value, kind.unit, currency: currency)
    }

    /// `2026-11-26 00:00`.
    private static func minute(_ time: Timestamp) -> String {
        String(time.iso8601.prefix(16)).replacing("T", with: " ")
    }
}
