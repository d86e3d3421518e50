import FluxqModel

/// Durations as text.
enum Elapsed {
    /// At most two units: "34 s", "1 min 34 s", "2 h 5 min", "6 d 3 h". A negative duration is "0 s".
    static func words(_ duration: Duration) -> String {
        let units = parts(duration)
        return units.count == 1 || units[1].count == 0
            ? "\(units[0].count) \(units[0].unit)"
            : "\(units[0].count) \(units[0].unit) \(units[1].count) \(units[1].unit)"
    }

    /// Only the first unit: "34 s", "1 min", "6 d".
    static func rough(_ duration: Duration) -> String {
        let first = parts(duration)[0]
        return "\(first.count) \(first.unit)"
    }

    /// "3 min ago", "in 2 h", "now".
    static func relative(_ time: Timestamp, now: Timestamp) -> String {
        let distance = time - now
        if distance >= .seconds(1) { return "in \(rough(distance))" }
        return distance <= .seconds(-1) ? "\(rough(.zero - distance)) ago" : "now"
    }

    private static func parts(_ duration: Duration) -> [(count: Int64, unit: String)] {
        let seconds = max(duration.components.seconds, 0)
        return switch seconds {
        case ..<60: [(seconds, "s")]
        case ..<3600: [(seconds / 60, "min"), (seconds % 60, "s")]
        case ..<86_400: [(seconds / 3600, "h"), (seconds % 3600 / 60, "min")]
        default: [(seconds / 86_400, "d"), (seconds % 86_400 / 3600, "h")]
        }
    }
}
