/// Formats that fluxq does not read but may receive in place of a picture. The raw values are their common names.
package enum ForeignFormat: String, CaseIterable, Sendable {
    case heic = "HEIC"
    case tiff = "TIFF"
    case jpegXL = "JPEG XL"
    case jpeg2000 = "JPEG 2000"
    case bmp = "BMP"
    case ico = "ICO"
    case photoshop = "PSD"
    case raw = "camera raw"
    case openEXR = "OpenEXR"
    case qoi = "QOI"
    case pdf = "PDF"
    /// Recognized by its text, not by a signature.
    case svg = "SVG"
    case video = "MP4"
    case matroska = "WebM"
    case zip = "ZIP"
    case gzip = "gzip"
    case zstandard = "zstd"

    /// nil if the defect is not one of these formats.
    package init?(_ defect: PictureDefect) {
        guard case .notAPicture(let looksLike) = defect else { return nil }
        self.init(rawValue: looksLike)
    }

    /// Recognizes the format by the first bytes; nil for anything else.
    init?(head: [UInt8]) {
        if Self.isCameraRaw(head) {
            self = .raw
            return
        }
        // Two letters are a weak signature: the four bytes at 6 are always zero.
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
        (
            .heic, 4,
            ["heic", "heix", "heim", "heis", "hevc", "hevx", "heif", "mif1", "msf1", "miaf"].map {
                Array("ftyp\($0)".utf8)
            }
        ),
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
        (
            .video, 4,
            ["isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "MSNV", "3gp4", "3gp5", "qt  "].map
            { Array("ftyp\($0)".utf8) }
        ),
        (.matroska, 0, [[0x1A, 0x45, 0xDF, 0xA3]]),
        (.zip, 0, [[0x50, 0x4B, 3, 4]]),
        (.gzip, 0, [[0x1F, 0x8B, 8]]),
        (.zstandard, 0, [[0x28, 0xB5, 0x2F, 0xFD]]),
        (.ico, 0, [[0, 0, 1, 0, 1, 0]]),
    ]

    /// True for the own formats of camera makers, and for TIFF files that hold sensor data beside a small picture.
    private static func isCameraRaw(_ head: [UInt8]) -> Bool {
        let own: [(offset: Int, signature: [UInt8])] = [
            (0, Array("FUJIFILMCCD-RAW".utf8)), (0, Array("IIRO".utf8)), (0, Array("IIRS".utf8)),
            (0, Array("MMOR".utf8)), (0, [0x49, 0x49, 0x55, 0]), (0, Array("FOVb".utf8)), (0, [0, 0x4D, 0x52, 0x4D]),
            (4, Array("ftypcrx ".utf8)), (8, [0x43, 0x52, 2, 0]),
        ]
        if own.contains(where: { head.dropFirst($0.offset).starts(with: $0.signature) }) { return true }
        guard let directory = TIFFDirectory(of: head, at: 0) else { return false }
        // DNG has a version tag. In Nikon's, Sony's and Pentax' files the first picture is a preview, and the sensor's
        // is in a subdirectory.
        return directory.entries[TIFFDirectory.dngVersion] != nil
            || directory.entries[TIFFDirectory.subfileType]?.number == 1
                && directory.entries[TIFFDirectory.subdirectories] != nil
    }

    /// Returns a command of Debian that converts such a file to PNG or JPEG, or extracts it; nil if there is no picture
    /// in it.
    package func conversion(of file: String) -> String? {
        switch self {
        case .heic: "heif-convert \(file) out.jpg"
        case .tiff, .bmp, .ico, .openEXR: "convert \(file) out.png"
        case .jpegXL: "djxl \(file) out.png"
        case .jpeg2000: "opj_decompress -i \(file) -o out.png"
        case .photoshop: "convert \(file)'[0]' out.png"
        case .raw: "darktable-cli \(file) out.jpg"
        case .qoi: "ffmpeg -i \(file) out.png"
        case .pdf: "pdftoppm -png -singlefile \(file) out"
        case .svg: "rsvg-convert \(file) -o out.png"
        case .video, .matroska: "ffmpeg -i \(file) -frames:v 1 out.png"
        case .zip: "unzip \(file)"
        case .gzip: "gunzip --keep \(file)"
        case .zstandard: "unzstd \(file)"
        }
    }
}
