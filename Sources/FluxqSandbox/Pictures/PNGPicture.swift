import FluxqFormats

/// A PNG file that is drawn row by row: 256 colours, rows in deflate's uncompressed blocks, so that its length is known
/// before the first pixel is drawn.
struct PNGPicture: IteratorProtocol {
    /// The file's length.
    let byteCount: Int

    private let width: Int
    private let height: Int
    private let identity: String
    private let landscape: Landscape
    private var noise: SplitMix64
    private var adler = Adler32()
    private var stage = Stage.header
    private let filling: Int

    private enum Stage {
        case header
        /// The bytes of filling that are left.
        case filling(Int)
        /// The next row to draw.
        case rows(Int)
        case end
        case done
    }

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    /// Length, type and CRC.
    private static let chunkOverhead = 12
    private static let longestStoredBlock = 65_535
    private static let longestFillingChunk = 65_536
    private static let zlibHeader: [UInt8] = [0x78, 0x01]

    init(_ plan: PicturePlan) {
        width = plan.width
        height = plan.height
        identity = plan.identity
        let number = UInt64(plan.identity.prefix(16), radix: 16) ?? 0
        landscape = Landscape(number: number, width: plan.width, height: plan.height)
        noise = SplitMix64(state: ~number)
        let bare = Self.byteCount(width: plan.width, height: plan.height, identity: plan.identity)
        let missing = (plan.bytes ?? 0) - bare
        filling = missing < Self.chunkOverhead ? 0 : missing
        byteCount = bare + filling
    }

    /// The file's length without filling.
    static func byteCount(width: Int, height: Int, identity: String) -> Int {
        let rowsPerBlock = max(1, longestStoredBlock / (width + 1))
        let blocks = (height + rowsPerBlock - 1) / rowsPerBlock
        let header = signature.count + (chunkOverhead + 13) + (chunkOverhead + 768)
        let comment = chunkOverhead + "Comment".utf8.count + 1 + identity.utf8.count
        let pixels = height * (width + 1) + blocks * (chunkOverhead + 5) + zlibHeader.count + 4
        return header + comment + pixels + chunkOverhead
    }

    /// The next bytes of the file.
    mutating func next() -> [UInt8]? {
        switch stage {
        case .header:
            stage = filling > 0 ? .filling(filling) : .rows(0)
            return header()
        case .filling(let remaining):
            var length = min(remaining, Self.chunkOverhead + Self.longestFillingChunk)
            if (1..<Self.chunkOverhead).contains(remaining - length) { length -= Self.chunkOverhead }
            stage = remaining > length ? .filling(remaining - length) : .rows(0)
            return fillingChunk(dataBytes: length - Self.chunkOverhead)
        case .rows(let row):
            let rows = min(max(1, Self.longestStoredBlock / (width + 1)), height - row)
            stage = row + rows < height ? .rows(row + rows) : .end
            return pixelChunk(rows: row..<row + rows)
        case .end:
            stage = .done
            return Self.chunk("IEND", [])
        case .done:
            return nil
        }
    }

    private func header() -> [UInt8] {
        // 8 bits per pixel, palette, deflate, standard filters, not interlaced.
        let size = Self.bigEndian(UInt32(width)) + Self.bigEndian(UInt32(height)) + [8, 3, 0, 0, 0]
        // The comment makes two pictures differ even if they are too small to look different.
        return Self.signature + Self.chunk("IHDR", size) + Self.chunk("PLTE", landscape.palette)
            + Self.chunk("tEXt", Array("Comment\0\(identity)".utf8))
    }

    /// Noise in a chunk that readers ignore: ancillary, private, safe to copy.
    private mutating func fillingChunk(dataBytes: Int) -> [UInt8] {
        var data = [UInt8](repeating: 0, count: (dataBytes + 7) / 8 * 8)
        data.withUnsafeMutableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                bytes.storeBytes(of: noise.next().littleEndian, toByteOffset: offset, as: UInt64.self)
                offset &+= 8
            }
        }
        data.removeLast(data.count - dataBytes)
        return Self.chunk("fxPd", data)
    }

    private mutating func pixelChunk(rows: Range<Int>) -> [UInt8] {
        let length = rows.count * (width + 1)
        var data = rows.lowerBound == 0 ? Self.zlibHeader : []
        data.reserveCapacity(data.count + 5 + length + 4)
        let isLast = rows.upperBound == height
        data.append(isLast ? 1 : 0)
        for value in [UInt16(length), ~UInt16(length)] {
            data += [UInt8(value & 0xFF), UInt8(value >> 8)]
        }
        let start = data.count
        data += repeatElement(0, count: length)
        data.withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            for row in rows {
                // Every row begins with its filter type: none.
                landscape.draw(row: row, into: base + start + (row - rows.lowerBound) * (width + 1) + 1)
            }
            adler.update(UnsafeBufferPointer(start: base + start, count: length))
        }
        if isLast { data += Self.bigEndian(adler.value) }
        return Self.chunk("IDAT", data)
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        var chunk = bigEndian(UInt32(data.count))
        chunk.reserveCapacity(data.count + chunkOverhead)
        chunk += type.utf8
        chunk += data
        var crc = CRC32()
        chunk.withUnsafeBytes { crc.update(UnsafeRawBufferPointer(rebasing: $0.dropFirst(4))) }
        chunk += bigEndian(crc.value)
        return chunk
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
}
