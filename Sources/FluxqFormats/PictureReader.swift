/// What a picture's bytes say about it.
package struct PictureInfo: Hashable, Sendable {
    package let format: PictureFormat
    /// Pixels.
    package let width: Int
    package let height: Int

    package init(format: PictureFormat, width: Int, height: Int) {
        self.format = format
        self.width = width
        self.height = height
    }
}

/// Reads type, size in pixels and completeness from the bytes; never decodes a pixel, never trusts a name or a header.
///
/// Made for hostile bytes: it holds one piece of 64 KiB at a time, and its work is linear in the number of bytes.
package enum PictureReader {
    /// No picture is wider or higher, in pixels. JPEG and GIF cannot say more than 65,535; decoders that meet such a
    /// claim allocate gigabytes before they have seen a pixel.
    package static let sideLimit = 32_768
    /// No picture has more pixels: 16,384 × 16,384, which is 1 GiB once decoded.
    package static let pixelLimit = 1 << 28

    /// - Throws: only what `source.read` throws.
    package static func inspect(_ source: some ByteSource) throws -> Result<PictureInfo, PictureDefect> {
        let head = try source.read(at: 0, count: ContentGuess.headLength)
        guard let format = ContentGuess.format(ofHead: head) else {
            return .failure(.notAPicture(looksLike: ContentGuess.name(ofHead: head)))
        }
        var bytes = PictureBytes(of: source, format: format)
        do {
            return .success(try info(of: &bytes))
        } catch let defect as PictureDefect {
            return .failure(defect)
        }
    }

    private static func info(of bytes: inout PictureBytes) throws -> PictureInfo {
        switch bytes.format {
        case .png: try PNGReader.read(&bytes)
        case .jpeg: try JPEGReader.read(&bytes)
        case .webp: try WebPReader.read(&bytes)
        case .gif: try GIFReader.read(&bytes)
        case .avif: try AVIFReader.read(&bytes)
        }
    }
}
