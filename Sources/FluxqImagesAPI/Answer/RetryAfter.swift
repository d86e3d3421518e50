package import FluxqModel

/// The time that an answer asks to wait. It is read as OpenAI's own clients do: `retry-after-ms`, then `retry-after` as
/// a number of seconds, whole or decimal, then as an HTTP date.
package enum RetryAfter {
    /// The longest wait on a server's request. After it another call checks whether the limit still holds.
    package static let longest = Duration.seconds(3600)
    /// A longer time is not plausible and is ignored.
    package static let absurd = Duration.seconds(366 * 86_400)

    /// - Returns: at most `longest`; nil for zero, negative, past, absurd and unreadable values. The caller then uses
    ///   its own backoff.
    package static func parse(
        milliseconds: String? = nil, retryAfter: String? = nil, now: Timestamp
    ) -> Duration? {
        let candidates = [
            milliseconds.flatMap { decimal($0) }.map { Duration.milliseconds(1) * $0 },
            retryAfter.flatMap { decimal($0) }.map { Duration.seconds(1) * $0 },
            retryAfter.flatMap { HTTPDate.parse($0) }.map { $0 - now },
        ]
        return candidates.compactMap(\.self).lazy.compactMap(bounded).first
    }

    /// Reads the end of a limit from `x-ratelimit-reset` and similar headers: seconds from now, seconds or milliseconds
    /// since 1970, an HTTP date, or a text such as `1m30.5s` or `250ms`.
    package static func parse(reset text: String, now: Timestamp) -> Duration? {
        if let number = decimal(text, longest: 17) {
            switch number {
            case ..<1e9: return bounded(.milliseconds(1) * (number * 1000))
            case ..<1e12: return bounded(Timestamp(rawValue: Int64(number * 1000)) - now)
            default: return number < 1e14 ? bounded(Timestamp(rawValue: Int64(number)) - now) : nil
            }
        }
        return (HTTPDate.parse(text).map { $0 - now } ?? units(text)).flatMap(bounded)
    }

    private static func bounded(_ wait: Duration) -> Duration? {
        wait >= .milliseconds(1) && wait <= absurd ? min(wait, longest) : nil
    }

    /// Reads a text such as `1h2m3.5s`.
    private static func units(_ text: String) -> Duration? {
        let units: [(name: Substring, milliseconds: Double)] = [
            ("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000),
        ]
        var sum = 0.0
        var rest = text.filter { !$0.isWhitespace }[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            guard let number = decimal(String(digits)), let unit = units.first(where: { rest.hasPrefix($0.name) })
            else {
                return nil
            }
            sum += number * unit.milliseconds
            rest = rest.dropFirst(unit.name.count)
        }
        return sum < 1e12 ? .milliseconds(1) * sum : nil
    }

    private static let longestNumber = 12

    /// Reads digits with at most one point; no sign, no exponent, no `inf`.
    private static func decimal(_ text: String, longest: Int = longestNumber) -> Double? {
        let trimmed = text.drop { $0 == " " || $0 == "\t" }
        let number = trimmed.prefix { $0 != " " && $0 != "\t" }
        guard !number.isEmpty, number.utf8.count <= longest,
            trimmed.dropFirst(number.count).allSatisfy(\.isWhitespace),
            number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") })
        else { return nil }
        return Double(number)
    }
}
