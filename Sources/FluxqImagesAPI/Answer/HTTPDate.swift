package import FluxqModel

/// The three forms of a date in an HTTP header (RFC 9110, 5.6.7).
///
/// ```
/// Sun, 06 Nov 1994 08:49:37 GMT      the current form
/// Sunday, 06-Nov-94 08:49:37 GMT     RFC 850
/// Sun Nov  6 08:49:37 1994           C's asctime
/// ```
package enum HTTPDate {
    package static func parse(_ text: String) -> Timestamp? {
        let words = text.split { $0 == " " }.map(String.init)
        if words.count == 6, words[0].hasSuffix(","), isUTC(words[5]) {
            return time(day: words[1], month: words[2], year: words[3], clock: words[4])
        }
        if words.count == 4, words[0].hasSuffix(","), isUTC(words[3]) {
            let date = words[1].split { $0 == "-" }.map(String.init)
            guard date.count == 3, let short = number(date[2]) else { return nil }
            // A year of two digits that would be far in the future belongs to the previous century.
            let year = date[2].count == 2 ? (short < 70 ? 2000 + short : 1900 + short) : short
            return time(day: date[0], month: date[1], year: String(year), clock: words[2])
        }
        if words.count == 5 {
            return time(day: words[2], month: words[1], year: words[4], clock: words[3])
        }
        return nil
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z of a date of the Gregorian calendar; nil if there is no such
    /// time.
    static func seconds(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) -> Int64? {
        guard (1970...9999).contains(year), (1...12).contains(month), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[month - 1]).contains(day) else { return nil }
        let before = year - 1
        let leapDays = before / 4 - before / 100 + before / 400 - 477
        let days = (year - 1970) * 365 + leapDays + lengths[..<(month - 1)].reduce(0, +) + day - 1
        return Int64(days * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    private static func time(day: String, month: String, year: String, clock: String) -> Timestamp? {
        let parts = clock.split { $0 == ":" }.map { number(String($0)) }
        guard parts.count == 3, let hour = parts[0], let minute = parts[1], let second = parts[2],
            let day = number(day), let year = number(year),
            let month = months.firstIndex(of: month.lowercased()),
            let seconds = seconds(
                year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
        else { return nil }
        return Timestamp(secondsSinceEpoch: seconds)
    }

    private static func isUTC(_ zone: String) -> Bool {
        ["GMT", "UTC"].contains(zone.uppercased())
    }

    /// Accepts digits only: no sign, no spaces.
    private static func number(_ text: String) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
}
