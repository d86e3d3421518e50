package import FluxqModel

/// How long an answer asks to wait. As OpenAI's own clients read it: `retry-after-ms`, then
/// `retry-after` as a number of seconds, whole or decimal, then as an HTTP date.
package enum RetryAfter {
    /// Nobody waits longer on a server's word; it is taken for nonsense.
    package static let longest = Duration.seconds(3600)

    /// - Returns: nil for zero, negative, past, absurd and unreadable values: the caller's own backoff counts then.
    package static func parse(
        milliseconds: String? = nil, retryAfter: String? = nil, now: Timestamp
    ) -> Duration? {
        let candidates = [
            milliseconds.flatMap(decimal).map { Duration.milliseconds(1) * $0 },
            retryAfter.flatMap(decimal).map { Duration.seconds(1) * $0 },
            retryAfter.flatMap { HTTPDate.parse($0) }.map { $0 - now },
        ]
        return candidates.compactMap(\.self).first { $0 >= .milliseconds(1) && $0 <= longest }
    }

    private static let longestNumber = 12

    /// Digits with at most one point; no sign, no exponent, no `inf`.
    private static func decimal(_ text: String) -> Double? {
        let trimmed = text.drop { $0 == " " || $0 == "\t" }
        let number = trimmed.prefix { $0 != " " && $0 != "\t" }
        guard !number.isEmpty, number.utf8.count <= longestNumber,
            trimmed.dropFirst(number.count).allSatisfy(\.isWhitespace),
            number.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") })
        else { return nil }
        return Double(number)
    }
}
