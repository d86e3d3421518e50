package import FluxqModel
import FoundationEssentials

/// A time on the wire: ISO 8601 in UTC with milliseconds, such as `2026-11-22T10:00:00.123Z`.
package struct WireTime: Hashable, Sendable, Codable {
    package let timestamp: Timestamp

    package init(_ timestamp: Timestamp) {
        self.timestamp = timestamp
    }

    /// Reads an ISO 8601 date and time with a zone: `2026-11-22T10:00:00Z`, `2026-11-22T11:00:00.123+01:00`, the zone also as
    /// `+0100` or `+01`. Of a fraction of a second (up to nine digits after a point or comma), the milliseconds.
    ///
    /// Every field has to be in its range, and nothing may follow: another time than was meant costs money. There is no
    /// second 60: the clock that jobs wait for has none.
    package init?(_ text: String) {
        var reader = Reader(rest: Array(text.utf8)[...])
        guard let year = reader.number(digits: 4, in: 1970...9999), reader.take("-"),
            let month = reader.number(digits: 2, in: 1...12), reader.take("-"),
            let day = reader.number(digits: 2, in: 1...Self.days(of: month, year)), reader.take("T"),
            let hour = reader.number(digits: 2, in: 0...23), reader.take(":"),
            let minute = reader.number(digits: 2, in: 0...59), reader.take(":"),
            let second = reader.number(digits: 2, in: 0...59), let milliseconds = reader.milliseconds(),
            let offset = reader.zone(), reader.rest.isEmpty
        else { return nil }
        let days = Self.days(to: year, month, day)
        let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
        // A zone may move a time out of the years that can be written.
        guard (0..<Self.seconds(beforeYear: 10_000)).contains(seconds) else { return nil }
        timestamp = Timestamp(rawValue: seconds * 1000 + milliseconds)
    }

    private static func seconds(beforeYear year: Int64) -> Int64 { days(to: year, 1, 1) * 86_400 }

    private static func days(of month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01.
    private static func days(to year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let before = year - 1
        let leapDays = before / 4 - before / 100 + before / 400 - 477
        let months = (1..<month).reduce(0) { $0 + days(of: $1, year) }
        return (year - 1970) * 365 + leapDays + months + day - 1
    }

    /// Takes the fields of a time off the front of a text.
    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            return true
        }

        private mutating func digits(_ count: ClosedRange<Int>) -> [Int64]? {
            let found = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.prefix(count.upperBound)
            guard found.count >= count.lowerBound else { return nil }
            rest.removeFirst(found.count)
            return found.map { Int64($0 - UInt8(ascii: "0")) }
        }

        mutating func number(digits count: Int, in range: ClosedRange<Int64>) -> Int64? {
            guard let number = digits(count...count)?.reduce(0, { $0 * 10 + $1 }), range.contains(number) else {
                return nil
            }
            return number
        }

        /// 0 if there is no fraction.
        mutating func milliseconds() -> Int64? {
            guard take(".") || take(",") else { return 0 }
            return digits(1...9).map { ($0 + [0, 0]).prefix(3).reduce(0) { $0 * 10 + $1 } }
        }

        /// Minutes east of Greenwich.
        mutating func zone() -> Int64? {
            if take("Z") { return 0 }
            let sign: Int64 = take("+") ? 1 : -1
            guard sign == 1 || take("-"), let hours = number(digits: 2, in: 0...23) else { return nil }
            if rest.isEmpty { return sign * hours * 60 }
            _ = take(":")
            return number(digits: 2, in: 0...59).map { sign * (hours * 60 + $0) }
        }
    }

    package var text: String {
        let (seconds, rest) = timestamp.rawValue.quotientAndRemainder(dividingBy: 1000)
        let milliseconds = rest < 0 ? rest + 1000 : rest
        let date = Date(timeIntervalSince1970: Double(rest < 0 ? seconds - 1 : seconds))
        let digits = String(milliseconds)
        return date.formatted(Date.ISO8601FormatStyle()).dropLast() + "."
            + String(repeating: "0", count: 3 - digits.count)
            + digits + "Z"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = WireTime(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an ISO 8601 time with a zone")
        }
        self = time
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
