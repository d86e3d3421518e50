import FluxqModel

/// Parses the values of `--at` and `--before`.
enum StartTime {
    /// Why a text is not a valid start time. The description follows the option's name.
    enum Wrong: Error, Hashable, Sendable, CustomStringConvertible {
        case unreadable
        case noSuchTime
        case past

        var description: String {
            switch self {
            case .unreadable:
                "it is not a time. Give one such as 2026-11-24T08:00:00Z, \"2026-11-24 08:00\" (local time), 08:00 "
                    + "(the next one), now+2h or +30min"
            case .noSuchTime: "it does not exist in the calendar, or summer time skips it"
            case .past: "it is in the past. Leave --at out to start at once"
            }
        }
    }

    /// A time in the past counts as now if it is no older than this: it may have passed while the command was being
    /// typed.
    static let tolerance = Duration.seconds(60)
    /// The longest span that is accepted.
    static let horizon = Duration.seconds(10 * 366 * 86_400)

    static func parse(_ text: String, now: Timestamp, clock: LocalClock) throws(Wrong) -> Timestamp {
        let text = text.trimming { $0 == " " }
        if text == "now" { return now }
        if text.hasPrefix("now+") { return try span(text.dropFirst(4), after: now) }
        if text.hasPrefix("+") { return try span(text.dropFirst(), after: now) }
        var scanner = Scanner(rest: text)
        if text.contains("-")
            && text.firstIndex(of: "-") == text.index(text.startIndex, offsetBy: 4, limitedBy: text.endIndex)
        {
            let result = try dateAndTime(&scanner, clock: clock)
            guard result > now + (.zero - tolerance) else { throw .past }
            return max(result, now)
        }
        return try nextTimeOfDay(&scanner, now: now, clock: clock)
    }

    /// `2026-11-24T08:00[:00[.5]][Z|±hh[:mm]]`, also with a space for the `T`.
    private static func dateAndTime(_ scanner: inout Scanner, clock: LocalClock) throws(Wrong) -> Timestamp {
        guard let year = scanner.number(digits: 4), scanner.take("-"), let month = scanner.number(digits: 2),
            scanner.take("-"), let day = scanner.number(digits: 2),
            scanner.take("T") || scanner.take("t") || scanner.take(" ")
        else { throw .unreadable }
        let time = try timeOfDay(&scanner)
        let civil = CivilTime(
            year: year, month: month, day: day, hour: time.hour, minute: time.minute, second: time.second)
        guard civil.isValid else { throw .noSuchTime }
        let result: Timestamp
        if scanner.rest.isEmpty {
            guard let local = clock.timestamp(civil) else { throw .noSuchTime }
            result = local
        } else {
            result = civil.timestamp(offsetSeconds: try offset(&scanner))
        }
        // The zone may move it beyond the year 9999.
        guard result < CivilTime(year: 10_000, month: 1, day: 1).timestamp(offsetSeconds: 0) else { throw .noSuchTime }
        return result
    }

    /// Parses the value of `--before`: a date, a date and a time, or a span before now such as `30d`.
    static func earlier(_ text: String, now: Timestamp, clock: LocalClock) throws(Wrong) -> Timestamp {
        let text = text.trimming { $0 == " " }
        if text == "now" { return now }
        var scanner = Scanner(rest: text)
        guard text.contains("-") else {
            let length = try span(text, after: now) - now
            return now + (.zero - length)
        }
        // A date alone means its first moment.
        let isDate = !text.contains(":")
        if isDate {
            let whole = "\(text) 00:00"
            scanner = Scanner(rest: whole[...])
        }
        return try dateAndTime(&scanner, clock: clock)
    }

    /// `08:00` or `08:00:30`: today if that time is still to come, otherwise tomorrow.
    private static func nextTimeOfDay(
        _ scanner: inout Scanner, now: Timestamp, clock: LocalClock
    ) throws(Wrong) -> Timestamp {
        let time = try timeOfDay(&scanner)
        guard scanner.rest.isEmpty else { throw .unreadable }
        for days in 0...1 {
            var civil = clock.civil(now + .seconds(days * 86_400))
            civil.hour = time.hour
            civil.minute = time.minute
            civil.second = time.second
            guard civil.isValid else { throw .noSuchTime }
            if let result = clock.timestamp(civil), result > now { return result }
        }
        throw .noSuchTime
    }

    private static func timeOfDay(_ scanner: inout Scanner) throws(Wrong) -> (hour: Int, minute: Int, second: Int) {
        guard let hour = scanner.number(digits: 2), scanner.take(":"), let minute = scanner.number(digits: 2) else {
            throw .unreadable
        }
        guard scanner.take(":") else { return (hour, minute, 0) }
        guard let second = scanner.number(digits: 2) else { throw .unreadable }
        if scanner.take(".") {
            guard scanner.skipDigits() else { throw .unreadable }
        }
        return (hour, minute, second)
    }

    private static func offset(_ scanner: inout Scanner) throws(Wrong) -> Int {
        var seconds = 0
        if !scanner.take("Z") && !scanner.take("z") {
            let sign = scanner.take("+") ? 1 : scanner.take("-") ? -1 : 0
            guard sign != 0, let hours = scanner.number(digits: 2) else { throw .unreadable }
            let colon = scanner.take(":")
            let minutes = scanner.rest.isEmpty && !colon ? 0 : scanner.number(digits: 2)
            guard let minutes, hours <= 23, minutes <= 59 else { throw .unreadable }
            seconds = sign * (hours * 3600 + minutes * 60)
        }
        guard scanner.rest.isEmpty else { throw .unreadable }
        return seconds
    }

    /// `2h`, `30min`, `1h30min`, `90s`, `2d`.
    private static func span(_ text: Substring, after now: Timestamp) throws(Wrong) -> Timestamp {
        var rest = text
        var total = Duration.zero
        guard !rest.isEmpty else { throw .unreadable }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let count = Int32(digits), let seconds = secondsOfUnit[unit] else { throw .unreadable }
            total += .seconds(Int64(count) * seconds)
        }
        guard total <= horizon else { throw .noSuchTime }
        return now + total
    }

    private static let secondsOfUnit: [Substring: Int64] = [
        "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400,
    ]

    private struct Scanner {
        var rest: Substring

        init(rest: Substring) {
            self.rest = rest
        }

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        /// Exactly this many decimal digits.
        mutating func number(digits: Int) -> Int? {
            let text = rest.prefix(digits)
            guard text.utf8.count == digits, text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
            rest = rest.dropFirst(digits)
            return Int(text)
        }

        mutating func skipDigits() -> Bool {
            let text = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(text.count)
            return !text.isEmpty
        }
    }
}

extension String {
    /// Removes leading and trailing characters for which `isTrimmed` is true.
    fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> Substring {
        var result = self[...].drop(while: isTrimmed)
        while let last = result.last, isTrimmed(last) { result.removeLast() }
        return result
    }
}
