import FluxqHost

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z, as the database stores it.
package struct Timestamp: RawRepresentable, Hashable, Comparable, Codable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    package init(secondsSinceEpoch seconds: Int64) {
        rawValue = seconds.multipliedReportingOverflow(by: 1000).partialValue
    }

    /// What the host's wall clock shows. Somebody may set it at any time.
    package static func now() -> Timestamp {
        Timestamp(rawValue: HostClock.wall().milliseconds)
    }

    package static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    /// Saturates instead of trapping: a deadline computed from a malicious number is far away, not a crash.
    package static func + (lhs: Timestamp, rhs: Duration) -> Timestamp {
        let (sum, overflow) = lhs.rawValue.addingReportingOverflow(rhs.milliseconds)
        return Timestamp(rawValue: overflow ? (rhs < .zero ? .min : .max) : sum)
    }

    /// Returns the time from `rhs` to `lhs`; negative if `lhs` is earlier.
    package static func - (lhs: Timestamp, rhs: Timestamp) -> Duration {
        let (difference, overflow) = lhs.rawValue.subtractingReportingOverflow(rhs.rawValue)
        return .milliseconds(overflow ? (lhs < rhs ? .min : .max) : difference)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero, saturating at the ends of `Int64`.
    package var milliseconds: Int64 {
        let (thousandfold, overflow) = components.seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return components.seconds < 0 ? .min : .max }
        return thousandfold &+ components.attoseconds / 1_000_000_000_000_000
    }
}
