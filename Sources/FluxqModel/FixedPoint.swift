/// Decimal numbers stored as integers, so that 0.1 is exact and sums of money are correct.
package enum FixedPoint {
    /// Returns the number times 10^`decimals`; nil if the text is not plain digits with at most that many decimals, or
    /// is too large.
    package static func parse(_ text: String, decimals: Int) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard parts.count == 1 || (1...max(1, decimals)).contains(fraction.utf8.count), decimals > 0 || parts.count == 1
        else { return nil }
        let digits = whole + fraction
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(digits + String(repeating: "0", count: decimals - fraction.utf8.count))
    }

    /// Returns text that `parse` reads as the same number, without needless zeros. `value` must not be negative.
    package static func text(_ value: Int64, decimals: Int) -> String {
        var digits = String(value)
        guard decimals > 0 else { return digits }
        digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let fraction = digits.suffix(decimals).trimmingEnd("0")
        return digits.dropLast(decimals) + (fraction.isEmpty ? "" : "." + fraction)
    }
}

extension StringProtocol {
    fileprivate func trimmingEnd(_ character: Character) -> SubSequence {
        guard let last = lastIndex(where: { $0 != character }) else { return prefix(0) }
        return self[...last]
    }
}
