import FluxqFormats
import Glibc

/// Writes real PNG files of an exact size in bytes: grey noise in stored deflate blocks, piece by piece.
struct StoredPNG {
    /// The bytes of a row: its filter and its pixels. A row is one stored block in an IDAT chunk of its own.
    private static let rowBytes = 8192
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private let descriptor: Int32

    /// - Parameter bytes: the size of the complete file. A text chunk fills the bytes that the rows leave over.
    static func write(bytes: Int, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw Failure("Cannot write \(path) (errno \(errno)).") }
        defer { close(descriptor) }
        try StoredPNG(descriptor: descriptor).write(bytes: bytes)
    }

    private func write(bytes: Int) throws {
        // Signature, IHDR, the chunks of the zlib header and checksum, IEND; and a text chunk for the remaining bytes.
        let frame = 8 + (12 + 13) + (12 + 2) + (12 + 4) + 12
        let emptyText = 12 + Self.textKey.count
        let chunk = 12 + 5 + Self.rowBytes
        let height = (bytes - frame - emptyText) / chunk
        guard height > 0 else { throw Failure("\(bytes) bytes are too few for a picture") }
        let filling = bytes - frame - emptyText - height * chunk

        try put(Self.signature)
        try put("IHDR", Self.big(Self.rowBytes - 1) + Self.big(height) + [8, 0, 0, 0, 0])
        try put("tEXt", Self.textKey + [UInt8](repeating: 0x2E, count: filling))
        try put("IDAT", [0x78, 0x01])
        var sum = Adler32()
        var noise = SplitMix(state: 1)
        for row in 0..<height {
            let pixels = [0] + (1..<Self.rowBytes).map { _ in UInt8(truncatingIfNeeded: noise.next() >> 32) }
            sum.update(pixels)
            let length = UInt16(Self.rowBytes)
            let header: [UInt8] = [
                row == height - 1 ? 1 : 0, UInt8(length & 0xFF), UInt8(length >> 8), UInt8(~length & 0xFF),
                UInt8(~length >> 8),
            ]
            try put("IDAT", header + pixels)
        }
        try put("IDAT", Self.big(Int(sum.value)))
        try put("IEND", [])
    }

    private static let textKey = Array("Comment\0".utf8)

    private static func big(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private func put(_ type: String, _ content: [UInt8]) throws {
        let checked = Array(type.utf8) + content
        var crc = CRC32()
        checked.withUnsafeBytes { crc.update($0) }
        try put(Self.big(content.count) + checked + Self.big(Int(crc.value)))
    }

    private func put(_ bytes: [UInt8]) throws {
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Failure("Cannot write the picture to the disk (errno \(errno)).")
        }
    }
}

/// The checksum of zlib.
private struct Adler32 {
    private var low: UInt32 = 1
    private var high: UInt32 = 0

    mutating func update(_ bytes: [UInt8]) {
        for byte in bytes {
            low = (low + UInt32(byte)) % 65521
            high = (high + low) % 65521
        }
    }

    var value: UInt32 { high << 16 | low }
}

/// A generator that gives the same noise every time.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
