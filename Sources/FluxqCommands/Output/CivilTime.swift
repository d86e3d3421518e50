import FluxqModel

/// A date and time without a zone.
struct CivilTime: Hashable, Sendable {
    var year: Int
    var month: Int
    var day: Int
    var hour = 0
    var minute = 0
    var second = 0

    /// True if every field is in range, leap years included. Leap seconds are not accepted.
    var isValid: Bool {
        (1970...9999).contains(year) && (1...12).contains(month) && (1...daysOfMonth).contains(day)
            && (0...23).contains(hour) && (0...59).contains(minute) && (0...59).contains(second)
    }

    private var daysOfMonth: Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The time at which a clock that is `offsetSeconds` ahead of UTC shows this date and time.
    func timestamp(offsetSeconds: Int) -> Timestamp {
        // Days since 1970-01-01, counting years from March so that the leap day is the last (Howard Hinnant's
        // "chrono-Compatible Low-Level Date Algorithms").
        let marchYear = month > 2 ? year : year - 1
        let era = marchYear / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Timestamp(
            secondsSinceEpoch: Int64(days * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds))
    }

    /// `2026-11-22 11:00:00`.
    var text: String {
        func padded(_ number: Int, _ digits: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(digits - text.count, 0)) + text
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2)) "
            + "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2))"
    }
}
