/// Checks whether a PNG's compressed data contain every row, by unpacking them and discarding the rows.
enum PNGPixels {
    private struct Enough: Error {}

    /// - Returns: false also if the data are damaged: zlib verifies their own checksum.
    static func areAllThere(_ bytes: inout PictureBytes) throws -> Bool {
        let needed = try unpackedLength(&bytes)
        guard needed > 0 else { return false }
        let inflater = Inflater(.gzipOrZlib)
        var unpacked: Int64 = 0
        var offset = PNGReader.firstChunk
        do {
            while !inflater.isAtEnd {
                let length = Int64(try bytes.bigEndian(at: offset, bytes: 4))
                let name = try bytes.fourCC(at: offset + 4)
                guard length <= PNGReader.chunkLengthLimit, name != fourCC("IEND") else { break }
                if name == fourCC("IDAT") {
                    try bytes.forEachPiece(at: offset + 8, count: length) { piece in
                        try inflater.inflate(piece) { rows in
                            unpacked += Int64(rows.count)
                            // Data that unpack to more than the claimed size are a trap, not a picture.
                            if unpacked > needed + Int64(rows.count) { throw Enough() }
                        }
                    }
                }
                offset += 12 + length
            }
        } catch is PictureDefect, is Inflater.Broken, is Enough {
            // The file ends or is damaged here.
        }
        return unpacked >= needed && inflater.isAtEnd
    }

    /// Returns the length of all rows with their filter bytes, of all seven passes if interlaced; 0 for an invalid
    /// kind.
    private static func unpackedLength(_ bytes: inout PictureBytes) throws -> Int64 {
        let header = PNGReader.firstChunk + 8
        let width = Int64(try bytes.bigEndian(at: header, bytes: 4))
        let height = Int64(try bytes.bigEndian(at: header + 4, bytes: 4))
        let depth = Int64(try bytes.byte(at: header + 8))
        let samples: [UInt8: Int64] = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4]
        guard let count = samples[try bytes.byte(at: header + 9)], (1...16).contains(depth) else { return 0 }
        func length(_ width: Int64, _ height: Int64) -> Int64 {
            guard width > 0, height > 0 else { return 0 }
            let (bits, overflow) = width.multipliedReportingOverflow(by: depth * count)
            let (all, tooLarge) = (bits / 8 + 2).multipliedReportingOverflow(by: height)
            return overflow || tooLarge ? .max / 16 : (bits.isMultiple(of: 8) ? all - height : all)
        }
        guard try bytes.byte(at: header + 12) == 1 else { return length(width, height) }
        // Adam7: the first pixel of each pass, and the distance between its pixels.
        let passes: [(x: Int64, y: Int64, dx: Int64, dy: Int64)] = [
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
        ]
        return passes.reduce(0) { sum, pass in
            sum + length((width - pass.x + pass.dx - 1) / pass.dx, (height - pass.y + pass.dy - 1) / pass.dy)
        }
    }
}
