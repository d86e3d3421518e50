extension StringProtocol {
    /// In quotation marks, on one line, cut short where it is long: fit to stand in a message.
    var quoted: String {
        let limit = 60
        let start = prefix(limit).map {
            $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? "\u{FFFD}" : $0
        }
        return "\"\(String(start))\(count > limit ? "…" : "")\""
    }
}
