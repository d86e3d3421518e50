/// The format and size of a picture, and its flaw if there is one.
package struct PictureInfo: Hashable, Sendable {
    package let format: PictureFormat
    /// In pixels.
    package let width: Int
    package let height: Int
    /// A harmless flaw of a picture all of whose pixels are there, as text that follows the picture's name: "ends
    /// without its end mark". nil for nearly all pictures.
    package internal(set) var flaw: String?

    package init(format: PictureFormat, width: Int, height: Int, flaw: String? = nil) {
        self.format = format
        self.width = width
        self.height = height
        self.flaw = flaw
    }
}

/// Reads format, size in pixels and completeness from the bytes. It never renders a pixel, and trusts no name or
/// header.
///
/// A picture all of whose pixels are there is whole, however badly its file was written; its defects are then its flaw.
/// The pixels are counted only if the file's end mark or a checksum cannot prove it whole.
///
/// It is safe for hostile bytes. It holds one piece of 64 KiB at a time, and its work is linear in the number of bytes.
/// If pixels are counted, the work is linear in the unpacked size, which the claimed size bounds.
package enum PictureReader {
    /// A picture that claims a larger width or height, in pixels, is flawed: decoders allocate gigabytes for such a
    /// claim before they have seen a pixel.
    package static let sideLimit = 32_768
    /// The same for the number of pixels: 16,384 × 16,384, which is 1 GiB once decoded.
    package static let pixelLimit = 1 << 28
    /// No format allows a larger side: it is PNG's limit, and the numbers of the other formats are not larger.
    static let possibleSides = Int(Int32.max)

    /// - Throws: only the errors of `source.read`.
    package static func inspect(_ source: some ByteSource) throws -> Result<PictureInfo, PictureDefect> {
        let head = try source.read(at: 0, count: ContentGuess.headLength)
        guard let format = ContentGuess.format(ofHead: head) else {
            return .failure(.notAPicture(looksLike: ContentGuess.name(ofHead: head)))
        }
        var bytes = PictureBytes(of: source, format: format)
        do {
            var info = try info(of: &bytes)
            info.flaw = bytes.flaw
            return .success(info)
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
