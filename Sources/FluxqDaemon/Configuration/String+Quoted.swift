extension StringProtocol {
    /// In quotation marks, on one line, shortened if it is long: safe to use in a message.
    var quoted: String {
        let limit = 60
        let start = prefix(limit).map {
            $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? "\u{FFFD}" : $0
        }
        return "\"\(String(start))\(count > limit ? "…" : "")\""
    }
}
