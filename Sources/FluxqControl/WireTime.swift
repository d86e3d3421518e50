package import FluxqModel
import FoundationEssentials

/// A time on the wire: ISO 8601 in UTC with milliseconds, such as `2026-11-22T10:00:00.123Z`.
package struct WireTime: Hashable, Sendable, Codable {
    package let timestamp: Timestamp

    package init(_ timestamp: Timestamp) {
        self.timestamp = timestamp
    }

    /// Reads an ISO 8601 date and time with a zone; of a fraction of a second, the milliseconds.
    package init?(_ text: String) {
        // The fraction is read here, in whole milliseconds: a Date holds seconds as a binary fraction and rounds.
        let whole: String
        var milliseconds: Int64 = 0
        if let point = text.firstIndex(where: { $0 == "." || $0 == "," }) {
            let digits = text[text.index(after: point)...].prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty, digits.count <= 9, let value = Int64((digits + "00").prefix(3)) else { return nil }
            milliseconds = value
            whole = String(text[..<point] + text[digits.endIndex...])
        } else {
            whole = text
        }
        guard let date = try? Date.ISO8601FormatStyle().parse(whole) else { return nil }
        timestamp = Timestamp(rawValue: Int64(date.timeIntervalSince1970) * 1000 + milliseconds)
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
