/// What a picture's bytes say about it.
package struct PictureInfo: Hashable, Sendable {
    package let format: PictureFormat
    /// Pixels.
    package let width: Int
    package let height: Int
    /// What is wrong with it though all its pixels are there, as it stands after the picture's name: "ends without its end
    /// mark". nil for nearly all.
    package internal(set) var flaw: String?

    package init(format: PictureFormat, width: Int, height: Int, flaw: String? = nil) {
        self.format = format
        self.width = width
        self.height = height
        self.flaw = flaw
    }
}

/// Reads type, size in pixels and completeness from the bytes; never shows a pixel, never trusts a name or a header.
///
/// A picture all of whose pixels are there is whole, however badly its file was written; what is wrong with it is its
/// flaw. Only where a file's own end mark or a checksum cannot say so are its pixels counted.
///
/// Made for hostile bytes: it holds one piece of 64 KiB at a time, and its work is linear in the number of bytes; where
/// pixels are counted, in what the bytes unpack to, which the claimed size bounds.
package enum PictureReader {
    /// A picture that claims to be wider or higher, in pixels, is flawed: decoders that meet such a claim allocate
    /// gigabytes before they have seen a pixel.
    package static let sideLimit = 32_768
    /// And so is one that claims more pixels: 16,384 × 16,384, which is 1 GiB once decoded.
    package static let pixelLimit = 1 << 28
    /// No format means a larger side: PNG says so, and of the others' numbers none is larger.
    static let possibleSides = Int(Int32.max)

    /// - Throws: only what `source.read` throws.
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
