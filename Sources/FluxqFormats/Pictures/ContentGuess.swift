/// Guesses the type of a file from its first bytes.
enum ContentGuess {
    /// The number of first bytes that are examined.
    static let headLength = 1024

    /// Returns the format whose signature the bytes begin with; nil if there is none.
    static func format(ofHead head: [UInt8]) -> PictureFormat? {
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if head.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
        if head.starts(with: "GIF87a".utf8) || head.starts(with: "GIF89a".utf8) { return .gif }
        if head.starts(with: "RIFF".utf8), head.dropFirst(8).starts(with: "WEBP".utf8) { return .webp }
        if head.dropFirst(4).starts(with: "ftyp".utf8), hasAVIFBrand(head) { return .avif }
        return nil
    }

    /// True if `avif` or `avis` is the major brand or a compatible one (ISO/IEC 14496-12, 4.3).
    private static func hasAVIFBrand(_ head: [UInt8]) -> Bool {
        let length = head.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let box = head.prefix(length)
        // At 8 the major brand, at 12 its version, from 16 the compatible brands.
        return isAVIF(box.dropFirst(8))
            || stride(from: 16, to: box.count, by: 4).contains { isAVIF(box.dropFirst($0)) }
    }

    private static func isAVIF(_ brand: ArraySlice<UInt8>) -> Bool {
        brand.starts(with: "avif".utf8) || brand.starts(with: "avis".utf8)
    }

    /// Returns the name for `PictureDefect.notAPicture` if the bytes have no known picture format.
    static func name(ofHead head: [UInt8]) -> String {
        if head.isEmpty { return "empty" }
        if let foreign = ForeignFormat(head: head) { return foreign.rawValue }
        guard let text = text(of: head) else { return "unknown bytes" }
        let words = text.drop(while: \.isWhitespace)
        if words.first == "<" {
            let lowercased = words.lowercased()
            // An HTML page may contain an <svg>; an SVG hardly ever contains HTML.
            if ["<!doctype html", "<html", "<head", "<body"].contains(where: lowercased.contains) { return "HTML" }
            if lowercased.contains("<svg") || lowercased.hasPrefix("<!doctype svg") { return "SVG" }
            return lowercased.hasPrefix("<?xml") || lowercased.hasPrefix("<error") ? "XML" : "HTML"
        }
        let inner = words.dropFirst().first { !$0.isWhitespace }
        return switch (words.first, inner) {
        case ("{", "\""), ("{", "}"), ("[", "\""), ("[", "{"), ("[", "["), ("[", "]"): "JSON"
        default: "text"
        }
    }

    /// Returns the bytes as text if they are UTF-8 without control characters. A character cut at the end is ignored.
    private static func text(of head: [UInt8]) -> String? {
        let bytes = head.starts(with: [0xEF, 0xBB, 0xBF]) ? head.dropFirst(3) : head[...]
        let control = bytes.contains { $0 < 0x20 && !(0x09...0x0D).contains($0) && $0 != 0x1B || $0 == 0x7F }
        if control { return nil }
        let longestCut = head.count == headLength ? 3 : 0
        for cut in 0...longestCut {
            if let text = String(validating: bytes.dropLast(cut), as: UTF8.self) { return text }
        }
        return nil
    }
}
