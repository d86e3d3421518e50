/// JPEG (ITU-T T.81, annex B): segments from SOI on, entropy-coded data after each SOS, up to EOI. Bytes after EOI are
/// legal: cameras store further pictures there.
enum JPEGReader {
    static func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
        var reading = Reading()
        do {
            return try reading.read(&bytes)
        } catch let defect as PictureDefect {
            // Phones and old cameras omit the end mark, or write arbitrary bytes after the pixels.
            guard let info = reading.info, reading.hasData, try JPEGPixels.areAllThere(&bytes) else { throw defect }
            bytes.note(
                defect == .incomplete(.jpeg)
                    ? "ends without its end mark" : "is whole, but what follows its pixels is no part of a JPEG")
            return info
        }
    }

    private struct Reading {
        var info: PictureInfo?
        var hasData = false

        mutating func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
            var offset: Int64 = 2
            while true {
                let marker = try marker(of: &bytes, at: &offset)
                switch marker {
                case 0xD9:
                    guard let info, hasData else { throw bytes.corrupt("it holds no picture data") }
                    return info
                case 0x00, 0xD0...0xD8:
                    throw bytes.corrupt("it has a marker out of place at \(offset)")
                case 0x01:
                    continue  // TEM, the only other marker without a segment
                default:
                    break
                }
                let length = Int64(try bytes.bigEndian(at: offset, bytes: 2))
                guard length >= 2 else { throw bytes.corrupt("its segment at \(offset) has no length") }
                if isFrame(marker) {
                    guard info == nil else { throw bytes.corrupt("it has a second frame") }
                    guard length >= 8 else { throw bytes.corrupt("its frame header is cut") }
                    info = try bytes.info(
                        width: Int(bytes.bigEndian(at: offset + 5, bytes: 2)),
                        height: Int(bytes.bigEndian(at: offset + 3, bytes: 2)))
                }
                offset += length
                if marker == 0xDA {
                    guard info != nil else { throw bytes.corrupt("its picture data come before its size") }
                    // An empty scan does not count as data. `endOfScan` finds the end of one that has a byte.
                    let next = try [bytes.byte(at: offset), bytes.byte(at: offset + 1)]
                    hasData = hasData || next[0] != 0xFF || next[1] == 0
                    offset = try endOfScan(&bytes, from: offset)
                }
            }
        }
    }

    /// True for SOF0 to SOF15, except DHT, JPG and DAC, whose codes are in the same range.
    static func isFrame(_ marker: UInt8) -> Bool {
        (0xC0...0xCF).contains(marker) && ![0xC4, 0xC8, 0xCC].contains(marker)
    }

    /// Reads the marker at `offset` and moves `offset` past it. Any number of FF may precede a marker. Stray bytes
    /// before it are skipped, as other readers do.
    static func marker(of bytes: inout PictureBytes, at offset: inout Int64) throws -> UInt8 {
        if try bytes.byte(at: offset) != 0xFF {
            let start = offset
            repeat {
                offset = try bytes.find(0xFF, from: offset + 1)
            } while try bytes.byte(at: offset + 1) == 0
            bytes.note("is whole, but has \(offset - start) bytes at \(start) that belong to nothing")
        }
        var marker: UInt8 = 0xFF
        while marker == 0xFF {
            offset += 1
            marker = try bytes.byte(at: offset)
        }
        offset += 1
        return marker
    }

    /// Returns the offset of the marker that ends entropy-coded data. Inside the data FF is followed by 00 (FF itself),
    /// by D0 to D7 (restart) or by another FF (fill).
    static func endOfScan(_ bytes: inout PictureBytes, from start: Int64) throws -> Int64 {
        var offset = start
        while true {
            offset = try bytes.find(0xFF, from: offset)
            switch try bytes.byte(at: offset + 1) {
            case 0xFF: offset += 1
            case 0x00, 0xD0...0xD7: offset += 2
            default: return offset
            }
        }
    }
}
