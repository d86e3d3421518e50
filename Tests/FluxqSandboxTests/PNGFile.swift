/// An independent reader of the PNG files that the sandbox draws: every chunk's CRC, the zlib stream, every row.
struct PNGFile {
    enum Broken: Error, Equatable {
        case signature, chunk(Int), checksum(String), blocks, adler, rows, order
    }

    let width: Int
    let height: Int
    let chunkTypes: [String]
    /// The palette index of every pixel.
    let pixels: [UInt8]

    init(_ bytes: [UInt8]) throws(Broken) {
        guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else { throw .signature }
        var offset = 8
        var types: [String] = []
        var header: [UInt8] = []
        var stream: [UInt8] = []
        while offset < bytes.count {
            guard offset + 12 <= bytes.count else { throw .chunk(offset) }
            let length = Self.number(bytes[offset..<offset + 4])
            guard offset + 12 + length <= bytes.count else { throw .chunk(offset) }
            let checked = bytes[offset + 4..<offset + 8 + length]
            let type = String(decoding: checked.prefix(4), as: UTF8.self)
            guard Self.crc(checked) == Self.number(bytes[(offset + 8 + length)..<(offset + 12 + length)]) else {
                throw .checksum(type)
            }
            types.append(type)
            if type == "IHDR" { header = Array(checked.dropFirst(4)) }
            if type == "IDAT" { stream += checked.dropFirst(4) }
            offset += 12 + length
        }
        // One palette, 8 bits per pixel, not interlaced, and nothing after the end.
        guard types.first == "IHDR", types.last == "IEND", types.contains("PLTE"), header.count == 13,
            Array(header[8...]) == [8, 3, 0, 0, 0]
        else { throw .order }
        width = Self.number(header[0..<4])
        height = Self.number(header[4..<8])
        chunkTypes = types

        var pixels: [UInt8] = []
        let rows = try Self.inflatedStored(stream)
        guard rows.count == height * (width + 1) else { throw .rows }
        for row in 0..<height {
            guard rows[row * (width + 1)] == 0 else { throw .rows }
            pixels += rows[(row * (width + 1) + 1)..<((row + 1) * (width + 1))]
        }
        self.pixels = pixels
    }

    /// A zlib stream of uncompressed blocks (RFC 1950, RFC 1951 3.2.4).
    private static func inflatedStored(_ stream: [UInt8]) throws(Broken) -> [UInt8] {
        guard stream.count > 6, stream[0] == 0x78, number(stream[0..<2]) % 31 == 0 else { throw .blocks }
        var offset = 2
        var data: [UInt8] = []
        while true {
            guard offset + 5 <= stream.count, stream[offset] <= 1 else { throw .blocks }
            let length = Int(stream[offset + 1]) | Int(stream[offset + 2]) << 8
            let inverted = Int(stream[offset + 3]) | Int(stream[offset + 4]) << 8
            guard length ^ inverted == 0xFFFF, offset + 5 + length <= stream.count else { throw .blocks }
            data += stream[(offset + 5)..<(offset + 5 + length)]
            let isLast = stream[offset] == 1
            offset += 5 + length
            if isLast { break }
        }
        guard offset + 4 == stream.count else { throw .blocks }
        var low = 1
        var high = 0
        for byte in data {
            low = (low + Int(byte)) % 65_521
            high = (high + low) % 65_521
        }
        guard high << 16 | low == number(stream[offset...]) else { throw .adler }
        return data
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0) { $0 << 8 | Int($1) }
    }

    private static let table: [Int] = (0..<256).map { byte in
        (0..<8).reduce(byte) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    private static func crc(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reduce(0xFFFF_FFFF) { table[($0 ^ Int($1)) & 0xFF] ^ ($0 >> 8) } ^ 0xFFFF_FFFF
    }
}
