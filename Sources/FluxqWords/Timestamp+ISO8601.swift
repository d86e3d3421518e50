import FluxqModel
import FoundationEssentials

extension Timestamp {
    /// Whole seconds in UTC: `2026-11-26T14:05:09Z`.
    var iso8601: String { Date(timeIntervalSince1970: Double(rawValue) / 1000).formatted(.iso8601) }
}
