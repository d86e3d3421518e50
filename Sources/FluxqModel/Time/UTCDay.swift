/// A calendar day in UTC, for which use is counted and limits are renewed.
package struct UTCDay: RawRepresentable, Hashable, Comparable, Sendable {
    /// Days since 1970-01-01.
    package let rawValue: Int64

    private static let milliseconds: Int64 = 86_400_000

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    package init(_ time: Timestamp) {
        let (day, rest) = time.rawValue.quotientAndRemainder(dividingBy: Self.milliseconds)
        rawValue = rest < 0 ? day - 1 : day
    }

    package static func < (lhs: UTCDay, rhs: UTCDay) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    /// The start of the day, 00:00.
    package var start: Timestamp { Timestamp(rawValue: rawValue * Self.milliseconds) }

    package var next: UTCDay { UTCDay(rawValue: rawValue + 1) }

    package var firstOfMonth: UTCDay { UTCDay(rawValue: rawValue - Int64(dayOfMonth) + 1) }

    package var firstOfNextMonth: UTCDay {
        // The first plus 31 days is in the next month, whichever month it is.
        UTCDay(rawValue: firstOfMonth.rawValue + 31).firstOfMonth
    }

    /// 1 to 31; counted in years that begin in March, so that the leap day is the last (Howard Hinnant's
    /// "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    private var dayOfMonth: Int {
        let shifted = rawValue + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        return Int(dayOfYear - (153 * month + 2) / 5) + 1
    }
}
