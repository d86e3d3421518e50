/// Checks whether a JPEG's entropy-coded data contain every block of every component. It walks through the Huffman
/// codes without decoding pixels. If a file lacks its end mark, only this distinguishes a whole picture from a cut one.
///
/// Supports sequential and progressive frames. For arithmetic coding and the lossless kinds the result is `false`.
struct JPEGPixels {
    static func areAllThere(_ bytes: inout PictureBytes) throws -> Bool {
        var pixels = JPEGPixels()
        do {
            try pixels.walk(&bytes)
        } catch is PictureDefect {
            // The file ends or is damaged here.
        }
        return pixels.isComplete
    }

    /// 2^24 blocks of 64 pixels: more than any real picture has, and 128 MiB of `nonzero` for a progressive one.
    private static let mostBlocks = 1 << 24

    private struct Component {
        let id: UInt8
        /// Blocks in one unit of an interleaved scan.
        let across: Int
        let down: Int
        /// Blocks in a scan of this component alone.
        var blocksWide = 0
        var blocksHigh = 0
        /// The lowest bit of each coefficient that has been read: 0 means all of it, nil means none.
        var lowestBit = [Int?](repeating: nil, count: 64)
        /// Only for progressive frames: the nonzero coefficients of each block.
        var nonzero: [UInt64] = []
        var predictorsRead = false

        var isComplete: Bool { lowestBit.allSatisfy { $0 == 0 } }
    }

    private var width = 0
    private var height = 0
    private var isProgressive = false
    private var components: [Component] = []
    private var restartInterval = 0
    /// By class (0 for DC, 1 for AC) and number.
    private var tables: [Int: HuffmanTable] = [:]

    private var isComplete: Bool { !components.isEmpty && components.allSatisfy(\.isComplete) }

    private mutating func walk(_ bytes: inout PictureBytes) throws {
        var offset: Int64 = 2
        while !isComplete {
            let marker = try JPEGReader.marker(of: &bytes, at: &offset)
            if marker == 0x01 { continue }
            guard marker != 0xD9, marker != 0, !(0xD0...0xD8).contains(marker) else { return }
            let length = Int64(try bytes.bigEndian(at: offset, bytes: 2))
            guard length >= 2 else { return }
            let content = offset + 2..<offset + length
            switch marker {
            case 0xC0, 0xC1, 0xC2:
                guard try readFrame(&bytes, content, isProgressive: marker == 0xC2) else { return }
            case 0xC4:
                try readTables(&bytes, content)
            case 0xDD:
                restartInterval = Int(try bytes.bigEndian(at: content.lowerBound, bytes: 2))
            case 0xDA:
                guard let scan = try scan(&bytes, content) else { return }
                var bits = EntropyBits(at: content.upperBound)
                guard try walk(scan, &bits, &bytes) else { return }
                cover(scan)
                offset = try JPEGReader.endOfScan(&bytes, from: content.upperBound)
                continue
            case let other where JPEGReader.isFrame(other) || other == 0xCC:
                return
            default:
                break
            }
            offset = content.upperBound
        }
    }

    // MARK: - Headers

    private mutating func readFrame(
        _ bytes: inout PictureBytes, _ content: Range<Int64>, isProgressive: Bool
    ) throws -> Bool {
        self.isProgressive = isProgressive
        let start = content.lowerBound
        height = Int(try bytes.bigEndian(at: start + 1, bytes: 2))
        width = Int(try bytes.bigEndian(at: start + 3, bytes: 2))
        let count = Int64(try bytes.byte(at: start + 5))
        guard components.isEmpty, (1...4).contains(count) else { return false }
        for place in 0..<count {
            let entry = start + 6 + 3 * place
            let sampling = try bytes.byte(at: entry + 1)
            let (across, down) = (Int(sampling >> 4), Int(sampling & 15))
            guard (1...4).contains(across), (1...4).contains(down) else { return false }
            components.append(Component(id: try bytes.byte(at: entry), across: across, down: down))
        }
        var blocks = 0
        for index in components.indices {
            let component = components[index]
            components[index].blocksWide = Self.blocks(of: width, component.across, of: mostAcross)
            components[index].blocksHigh = Self.blocks(of: height, component.down, of: mostDown)
            blocks += components[index].blocksWide * components[index].blocksHigh
        }
        guard blocks <= Self.mostBlocks else { return false }
        if isProgressive {
            for index in components.indices {
                let count = components[index].blocksWide * components[index].blocksHigh
                components[index].nonzero = [UInt64](repeating: 0, count: count)
            }
        }
        return true
    }

    private var mostAcross: Int { components.map(\.across).max() ?? 1 }
    private var mostDown: Int { components.map(\.down).max() ?? 1 }

    private static func blocks(of side: Int, _ sampling: Int, of most: Int) -> Int {
        let samples = (side * sampling + most - 1) / most
        return (samples + 7) / 8
    }

    private mutating func readTables(_ bytes: inout PictureBytes, _ content: Range<Int64>) throws {
        var offset = content.lowerBound
        while offset + 17 <= content.upperBound {
            let kind = Int(try bytes.byte(at: offset))
            var counts: [Int] = []
            for place in 1...16 { counts.append(Int(try bytes.byte(at: offset + Int64(place)))) }
            let symbols = counts.reduce(0, +)
            guard symbols <= 256, offset + 17 + Int64(symbols) <= content.upperBound else { return }
            var values: [UInt8] = []
            for place in 0..<Int64(symbols) { values.append(try bytes.byte(at: offset + 17 + place)) }
            tables[kind] = HuffmanTable(counts: counts, values: values)
            offset += 17 + Int64(symbols)
        }
    }

    private struct Scan {
        /// Indices in `components`, with the tables of each.
        var parts: [(component: Int, dc: Int, ac: Int)]
        var first: Int
        var last: Int
        var highBit: Int
        var lowBit: Int
    }

    private func scan(_ bytes: inout PictureBytes, _ content: Range<Int64>) throws -> Scan? {
        let count = Int64(try bytes.byte(at: content.lowerBound))
        guard (1...4).contains(count), !components.isEmpty else { return nil }
        var scan = Scan(parts: [], first: 0, last: 63, highBit: 0, lowBit: 0)
        for place in 0..<count {
            let id = try bytes.byte(at: content.lowerBound + 1 + 2 * place)
            let numbers = try bytes.byte(at: content.lowerBound + 2 + 2 * place)
            guard let component = components.firstIndex(where: { $0.id == id }) else { return nil }
            scan.parts.append((component, Int(numbers >> 4), 16 | Int(numbers & 15)))
        }
        guard isProgressive else { return scan }
        let end = content.lowerBound + 1 + 2 * count
        scan.first = Int(try bytes.byte(at: end))
        scan.last = Int(try bytes.byte(at: end + 1))
        let bits = try bytes.byte(at: end + 2)
        (scan.highBit, scan.lowBit) = (Int(bits >> 4), Int(bits & 15))
        guard scan.first <= scan.last, scan.last < 64, (scan.first == 0) == (scan.last == 0),
            scan.first == 0 || scan.parts.count == 1
        else { return nil }
        return scan
    }

    private mutating func cover(_ scan: Scan) {
        for part in scan.parts {
            for place in scan.first...scan.last { components[part.component].lowestBit[place] = scan.lowBit }
        }
    }

    // MARK: - Data

    /// - Returns: true if every block of the scan is there.
    private mutating func walk(
        _ scan: Scan, _ bits: inout EntropyBits, _ bytes: inout PictureBytes
    ) throws -> Bool {
        let isAlone = scan.parts.count == 1
        let first = components[scan.parts[0].component]
        let unitsWide = isAlone ? first.blocksWide : (width + 8 * mostAcross - 1) / (8 * mostAcross)
        let unitsHigh = isAlone ? first.blocksHigh : (height + 8 * mostDown - 1) / (8 * mostDown)
        var endOfBand = 0
        for unit in 0..<unitsWide * unitsHigh {
            if restartInterval > 0, unit > 0, unit.isMultiple(of: restartInterval) {
                guard try bits.restart(&bytes) else { return false }
                endOfBand = 0
            }
            for part in scan.parts {
                let count = isAlone ? 1 : components[part.component].across * components[part.component].down
                for _ in 0..<count {
                    guard try walkBlock(unit, of: part, scan, &endOfBand, &bits, &bytes), !bits.isOver else {
                        return false
                    }
                }
            }
        }
        return true
    }

    private mutating func walkBlock(
        _ block: Int, of part: (component: Int, dc: Int, ac: Int), _ scan: Scan, _ endOfBand: inout Int,
        _ bits: inout EntropyBits, _ bytes: inout PictureBytes
    ) throws -> Bool {
        if scan.first == 0 {
            if isProgressive, scan.highBit > 0 {
                try bits.skip(1, &bytes)
                return true
            }
            guard let table = tables[part.dc], let size = try bits.symbol(table, &bytes), size <= 16 else {
                return false
            }
            try bits.skip(Int(size), &bytes)
            if isProgressive { return true }
        }
        guard let table = tables[part.ac] else { return false }
        if scan.highBit > 0 {
            return try refine(block, of: part.component, scan, table, &endOfBand, &bits, &bytes)
        }
        if endOfBand > 0 {
            endOfBand -= 1
            return true
        }
        var place = max(scan.first, 1)
        while place <= scan.last {
            guard let symbol = try bits.symbol(table, &bytes) else { return false }
            let (run, size) = (Int(symbol >> 4), Int(symbol & 15))
            if size == 0 {
                if run == 15 {
                    place += 16
                } else {
                    if isProgressive { endOfBand = (1 << run) + (try bits.take(run, &bytes)) - 1 }
                    return true
                }
            } else {
                place += run
                guard place <= scan.last else { return false }
                try bits.skip(size, &bytes)
                if isProgressive { components[part.component].nonzero[block] |= 1 << UInt64(place) }
                place += 1
            }
        }
        return true
    }

    /// Reads one more bit of known coefficients, and the coefficients that become nonzero with this bit (T.81,
    /// G.1.2.3).
    private mutating func refine(
        _ block: Int, of component: Int, _ scan: Scan, _ table: HuffmanTable, _ endOfBand: inout Int,
        _ bits: inout EntropyBits, _ bytes: inout PictureBytes
    ) throws -> Bool {
        var known = components[component].nonzero[block]
        defer { components[component].nonzero[block] = known }
        var place = scan.first
        if endOfBand == 0 {
            while place <= scan.last {
                guard let symbol = try bits.symbol(table, &bytes) else { return false }
                var run = Int(symbol >> 4)
                let isNew = symbol & 15 != 0
                if isNew {
                    try bits.skip(1, &bytes)
                } else if run < 15 {
                    endOfBand = (1 << run) + (try bits.take(run, &bytes))
                    break
                }
                while place <= scan.last {
                    if known & 1 << UInt64(place) != 0 {
                        try bits.skip(1, &bytes)
                    } else if run == 0 {
                        break
                    } else {
                        run -= 1
                    }
                    place += 1
                }
                if isNew {
                    guard place <= scan.last else { return false }
                    known |= 1 << UInt64(place)
                }
                place += 1
            }
        }
        if endOfBand > 0 {
            while place <= scan.last {
                if known & 1 << UInt64(place) != 0 { try bits.skip(1, &bytes) }
                place += 1
            }
            endOfBand -= 1
        }
        return true
    }
}

/// The codes of one table, looked up by the next 16 bits.
private struct HuffmanTable {
    /// The symbol in the low 8 bits, and its code's length above them; 0 if no code begins with these bits.
    let entries: [UInt16]

    init(counts: [Int], values: [UInt8]) {
        var entries = [UInt16](repeating: 0, count: 1 << 16)
        var code = 0
        var place = 0
        for length in 1...16 {
            for _ in 0..<counts[length - 1] {
                let first = code << (16 - length)
                let entry = UInt16(length) << 8 | UInt16(values[place])
                for index in first..<first + 1 << (16 - length) where index < entries.count { entries[index] = entry }
                code += 1
                place += 1
            }
            code <<= 1
        }
        self.entries = entries
    }
}

/// Reads bits of entropy-coded data. FF 00 stands for FF; any other marker ends the data.
private struct EntropyBits {
    private var offset: Int64
    private var buffer: UInt64 = 0
    private var count = 0
    private var isAtEnd = false
    /// True if more bits were read than there are.
    private(set) var isOver = false

    init(at offset: Int64) {
        self.offset = offset
    }

    private mutating func fill(_ bytes: inout PictureBytes) throws {
        while count <= 48 {
            if !isAtEnd, offset < bytes.size {
                let byte = try bytes.byte(at: offset)
                if byte == 0xFF {
                    guard offset + 1 < bytes.size, try bytes.byte(at: offset + 1) == 0 else {
                        isAtEnd = true
                        continue
                    }
                    offset += 1
                }
                offset += 1
                buffer = buffer << 8 | UInt64(byte)
                count += 8
            } else {
                isAtEnd = true
                return
            }
        }
    }

    /// Returns the next symbol; nil if no code begins with the next bits.
    mutating func symbol(_ table: HuffmanTable, _ bytes: inout PictureBytes) throws -> UInt8? {
        if count < 16 { try fill(&bytes) }
        // Pads the end with ones, as encoders fill their last byte.
        let ahead =
            count >= 16 ? buffer >> UInt64(count - 16) : buffer << UInt64(16 - count) | (1 << UInt64(16 - count) - 1)
        let entry = table.entries[Int(ahead & 0xFFFF)]
        guard entry != 0 else { return nil }
        try skip(Int(entry >> 8), &bytes)
        return UInt8(truncatingIfNeeded: entry)
    }

    mutating func skip(_ number: Int, _ bytes: inout PictureBytes) throws {
        _ = try take(number, &bytes)
    }

    mutating func take(_ number: Int, _ bytes: inout PictureBytes) throws -> Int {
        guard number > 0 else { return 0 }
        if count < number { try fill(&bytes) }
        guard count >= number else {
            isOver = true
            count = 0
            return 0
        }
        count -= number
        return Int(buffer >> UInt64(count) & (1 << UInt64(number) - 1))
    }

    /// Skips to just after the next restart marker; false if there is none.
    mutating func restart(_ bytes: inout PictureBytes) throws -> Bool {
        // If whole bytes are left over, the data do not match their headers.
        while !isAtEnd {
            buffer = 0
            count = 0
            try fill(&bytes)
        }
        (buffer, count) = (0, 0)
        guard offset + 1 < bytes.size, try bytes.byte(at: offset) == 0xFF,
            (0xD0...0xD7).contains(try bytes.byte(at: offset + 1))
        else { return false }
        offset += 2
        isAtEnd = false
        return true
    }
}
