import Glibc

/// A picture's bytes as a format's reader sees them: any offset, read in pieces of 64 KiB. Throws `.incomplete` past
/// the end.
///
/// Not generic, so that the compiler specializes the readers' inner loops. Only whole pieces are read from the source.
struct PictureBytes {
    private static let pieceLength = 65_536

    let format: PictureFormat
    let size: Int64
    private let source: any ByteSource
    /// The bytes read last, starting at `pieceStart`.
    private var piece: [UInt8] = []
    private var pieceStart: Int64 = 0
    /// The first harmless flaw found, as text that follows the picture's name, such as "ends without its end mark".
    private(set) var flaw: String?

    init(of source: some ByteSource, format: PictureFormat) {
        self.source = source
        self.format = format
        size = source.size
    }

    /// Returns the defect that a reader throws if the format's rules are broken.
    func corrupt(_ how: String) -> PictureDefect { .corrupt(format, how) }

    /// Records a flaw that costs no pixel. Only the first is kept.
    mutating func note(_ flaw: String) {
        if self.flaw == nil { self.flaw = flaw }
    }

    /// Returns the picture's format and size, after it has checked that the size is possible.
    mutating func info(width: Int, height: Int) throws(PictureDefect) -> PictureInfo {
        guard (1...PictureReader.possibleSides).contains(width), (1...PictureReader.possibleSides).contains(height)
        else {
            throw corrupt("its size is \(width)×\(height) pixels")
        }
        if width > PictureReader.sideLimit || height > PictureReader.sideLimit
            || width * height > PictureReader.pixelLimit
        {
            note("claims to be \(width)×\(height) pixels large, more than most programs can show")
        }
        return PictureInfo(format: format, width: width, height: height)
    }

    mutating func byte(at offset: Int64) throws -> UInt8 {
        piece[try index(of: offset)]
    }

    /// Reads an unsigned number of up to 8 bytes, most significant first.
    mutating func bigEndian(at offset: Int64, bytes count: Int) throws -> UInt64 {
        var number: UInt64 = 0
        for place in 0..<Int64(count) { number = try number << 8 | UInt64(byte(at: offset + place)) }
        return number
    }

    /// Reads an unsigned number of up to 8 bytes, least significant first.
    mutating func littleEndian(at offset: Int64, bytes count: Int) throws -> UInt64 {
        try bigEndian(at: offset, bytes: count).byteSwapped >> UInt64(64 - 8 * count)
    }

    /// Reads four characters that name a chunk or a box, as one number to compare with `fourCC("IHDR")`.
    mutating func fourCC(at offset: Int64) throws -> UInt32 {
        UInt32(truncatingIfNeeded: try bigEndian(at: offset, bytes: 4))
    }

    /// Returns the offset of the first `byte` at or after `offset`.
    mutating func find(_ byte: UInt8, from offset: Int64) throws -> Int64 {
        var offset = offset
        while true {
            let start = try index(of: offset)
            let found = piece.withUnsafeBytes { piece -> Int? in
                let rest = UnsafeRawBufferPointer(rebasing: piece[start...])
                guard let base = rest.baseAddress, let hit = memchr(base, Int32(byte), rest.count) else { return nil }
                return UnsafeRawPointer(hit) - base
            }
            if let found { return offset + Int64(found) }
            offset += Int64(piece.count - start)
        }
    }

    /// Returns the CRC-32 of `count` bytes from `offset`.
    mutating func checksum(at offset: Int64, count: Int64) throws -> UInt32 {
        var checksum = CRC32()
        var offset = offset
        let end = offset + count
        while offset < end {
            let start = try index(of: offset)
            let length = min(piece.count - start, Int(end - offset))
            piece.withUnsafeBytes { checksum.update(UnsafeRawBufferPointer(rebasing: $0[start..<start + length])) }
            offset += Int64(length)
        }
        return checksum.value
    }

    /// Passes `count` bytes from `offset` to `body` in pieces. If they end early, passes those that exist and throws
    /// `.incomplete`.
    mutating func forEachPiece(
        at offset: Int64, count: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var offset = offset
        let end = offset + count
        while offset < end {
            let start = try index(of: offset)
            let length = min(piece.count - start, Int(end - offset))
            try piece.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<start + length])) }
            offset += Int64(length)
        }
    }

    /// Returns the index in `piece` of the byte at `offset`, and reads that piece if needed.
    private mutating func index(of offset: Int64) throws -> Int {
        let index = offset - pieceStart
        if index >= 0, index < piece.count { return Int(index) }
        guard offset >= 0, offset < size else { throw PictureDefect.incomplete(format) }
        piece = try source.read(at: offset, count: Self.pieceLength)
        pieceStart = offset
        // The source returned less than its size: it was truncated while it was read.
        guard !piece.isEmpty else { throw PictureDefect.incomplete(format) }
        return 0
    }
}

/// Returns the number that `PictureBytes.fourCC(at:)` returns for these four ASCII characters.
func fourCC(_ name: StaticString) -> UInt32 {
    name.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt32($1) } }
}

/// Returns a chunk's or box's name for a message. Characters except ASCII letters, digits and spaces become dots.
func text(ofFourCC code: UInt32) -> String {
    String(
        decoding: [24, 16, 8, 0].map { (shift: UInt32) -> UInt8 in
            let byte = UInt8(truncatingIfNeeded: code >> shift)
            return Unicode.Scalar(byte).properties.isAlphabetic && byte < 0x80 || byte == 0x20
                || (0x30...0x39).contains(byte) ? byte : UInt8(ascii: ".")
        }, as: UTF8.self)
}
