package import FluxqModel
import FoundationEssentials

/// A time on the wire: ISO 8601 in UTC with milliseconds, such as `2026-11-22T10:00:00.123Z`.
package struct WireTime: Hashable, Sendable, Codable {
    package let timestamp: Timestamp

    package init(_ timestamp: Timestamp) {
        self.timestamp = timestamp
    }

    /// Reads an ISO 8601 date and time with a zone, with or without a fraction of a second.
    package init?(_ text: String) {
        let date =
            (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
            ?? (try? Date.ISO8601FormatStyle().parse(text))
        guard let date else { return nil }
        timestamp = Timestamp(rawValue: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }

    package var text: String {
        Date(timeIntervalSince1970: Double(timestamp.rawValue) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
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
