import FluxqModel

/// Parses and prints sizes such as `1048576`, `1024 KiB` and `1 MiB`.
enum ByteSize {
    private static let units: [(name: String, bytes: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]

    /// nil if the text is not a whole number with or without one of the units, or is too large.
    static func parse(_ text: String) -> Int64? {
        let number = text.prefix { ("0"..."9").contains($0) }
        let name = text.dropFirst(number.count).drop { $0 == " " }
        guard let count = FixedPoint.parse(String(number), decimals: 0) else { return nil }
        if name.isEmpty { return count }
        guard let unit = units.first(where: { $0.name == name }) else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }

    /// Uses the largest unit that gives a whole number.
    static func text(_ bytes: Int64) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes.isMultiple(of: $0.bytes) }) else { return "\(bytes)" }
        return "\(bytes / unit.bytes) \(unit.name)"
    }
}
