/// A limit for each user; the raw value is the key below `limits:` and the name on the wire.
package enum LimitKind: String, CaseIterable, Sendable {
    /// Queued jobs; a submit over it is refused.
    case queuedJobs = "queued_jobs"
    /// Jobs with a call in flight; others wait. A job that only fetches its pictures does not count.
    case runningJobs = "running_jobs"
    /// Pictures of one day (UTC); jobs over it wait.
    case imagesPerDay = "images_per_day"
    /// Money of one day (UTC), in millionths of the currency; jobs over it wait.
    case spendPerDay = "spend_per_day"
    /// Money of one month (UTC), in millionths of the currency; jobs over it wait.
    case spendPerMonth = "spend_per_month"
    /// Failed jobs that are returned to the queue by hand on one day (UTC); one more is refused.
    case retriesPerDay = "retries_per_day"
    /// Bytes of one input; a larger one is refused.
    case inputBytes = "input_bytes"
    /// Bytes of all inputs that no job has used; one more is refused.
    case unusedInputBytes = "unused_input_bytes"
    /// Bytes of all pictures and inputs in the archive; at the limit no new job is accepted, and jobs wait.
    case archiveBytes = "archive_bytes"
    /// Bytes of text of all jobs in the database, including ended ones; a submit over it is refused.
    case keptBytes = "kept_bytes"

    package enum Unit: Sendable {
        case count, money, bytes
    }

    package var unit: Unit {
        switch self {
        case .queuedJobs, .runningJobs, .imagesPerDay, .retriesPerDay: .count
        case .spendPerDay, .spendPerMonth: .money
        case .inputBytes, .unusedInputBytes, .archiveBytes, .keptBytes: .bytes
        }
    }

    /// True if the limit can block a call; the others are checked only for a new submission or input.
    package var concernsCalls: Bool {
        switch self {
        case .runningJobs, .imagesPerDay, .spendPerDay, .spendPerMonth, .archiveBytes: true
        case .queuedJobs, .retriesPerDay, .inputBytes, .unusedInputBytes, .keptBytes: false
        }
    }

    /// The time for which a use counts against the limit.
    package enum Period: Sendable {
        case day, month
    }

    /// nil if a use counts for as long as it exists.
    package var period: Period? {
        switch self {
        case .imagesPerDay, .spendPerDay, .retriesPerDay: .day
        case .spendPerMonth: .month
        case .queuedJobs, .runningJobs, .inputBytes, .unusedInputBytes, .archiveBytes, .keptBytes: nil
        }
    }
}
