/// Formats that fluxq does not read and that may come in a picture's place, by the names that people know.
enum ForeignFormat: String, CaseIterable {
    case heic = "HEIC"
    case tiff = "TIFF"
    case jpegXL = "JPEG XL"
    case jpeg2000 = "JPEG 2000"
    case bmp = "BMP"
    case ico = "ICO"
    case photoshop = "PSD"
    case openEXR = "OpenEXR"
    case qoi = "QOI"
    case pdf = "PDF"
    case video = "MP4"
    case matroska = "WebM"
    case zip = "ZIP"
    case gzip = "gzip"
    case zstandard = "zstd"

    /// By the first bytes; nil for anything else.
    init?(head: [UInt8]) {
        // Two letters are little: the four bytes at 6 are always nothing.
        if head.starts(with: "BM".utf8), head.dropFirst(6).starts(with: [0, 0, 0, 0]) {
            self = .bmp
            return
        }
        let found = Self.signatures.first { entry in
            entry.signatures.contains { head.dropFirst(entry.offset).starts(with: $0) }
        }
        guard let found else { return nil }
        self = found.format
    }

    private static let signatures: [(format: ForeignFormat, offset: Int, signatures: [[UInt8]])] = [
        (.heic, 4, ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"].map { Array("ftyp\($0)".utf8) }),
        (.tiff, 0, [[0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2B]]),
        (.jpegXL, 0, [[0xFF, 0x0A], [0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A]]),
        (
            .jpeg2000, 0,
            [[0xFF, 0x4F, 0xFF, 0x51], [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20, 0x0D, 0x0A, 0x87, 0x0A]]
        ),
        (.photoshop, 0, [Array("8BPS".utf8)]),
        (.openEXR, 0, [[0x76, 0x2F, 0x31, 0x01]]),
        (.qoi, 0, [Array("qoif".utf8)]),
        (.pdf, 0, [Array("%PDF-".utf8)]),
        (.video, 4, ["isom", "iso2", "mp41", "mp42", "avc1", "M4V ", "qt  "].map { Array("ftyp\($0)".utf8) }),
        (.matroska, 0, [[0x1A, 0x45, 0xDF, 0xA3]]),
        (.zip, 0, [[0x50, 0x4B, 3, 4]]),
        (.gzip, 0, [[0x1F, 0x8B, 8]]),
        (.zstandard, 0, [[0x28, 0xB5, 0x2F, 0xFD]]),
        (.ico, 0, [[0, 0, 1, 0, 1, 0]]),
    ]
}
