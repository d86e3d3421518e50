/// GIF (CompuServe, 87a and 89a): a screen, then images and extensions made of sub-blocks, up to the trailer byte 3B.
enum GIFReader {
    static func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
        let info = try size(of: &bytes, at: 6)
        var offset = try 13 + colourTableLength(bytes.byte(at: 10))
        var hasPicture = false
        while true {
            if hasPicture, offset == bytes.size {
                bytes.note("ends without its end mark")
                return info
            }
            switch try bytes.byte(at: offset) {
            case 0x3B:
                guard hasPicture else { throw bytes.corrupt("it holds no picture data") }
                return info
            case 0x2C:
                try checkFrame(&bytes, at: offset)
                offset += try 10 + colourTableLength(bytes.byte(at: offset + 9))
                let data = offset + 1  // after the code size
                offset = try endOfSubBlocks(&bytes, from: data)
                hasPicture = hasPicture || offset > data + 1
            case 0x21:
                offset = try endOfSubBlocks(&bytes, from: offset + 2)
            default:
                guard hasPicture else { throw bytes.corrupt("it has no block at \(offset)") }
                // Every reader stops here and shows the frames so far.
                bytes.note("is whole, but what follows its pixels is no part of a GIF")
                return info
            }
        }
    }

    /// Reads width and height, two little-endian bytes each.
    private static func size(of bytes: inout PictureBytes, at offset: Int64) throws -> PictureInfo {
        try bytes.info(
            width: Int(bytes.littleEndian(at: offset, bytes: 2)),
            height: Int(bytes.littleEndian(at: offset + 2, bytes: 2)))
    }

    /// Decoders enlarge the screen for a frame that does not fit, so a frame's size is checked as the screen's is.
    private static func checkFrame(_ bytes: inout PictureBytes, at offset: Int64) throws {
        let frame = try size(of: &bytes, at: offset + 5)
        _ = try bytes.info(
            width: frame.width + Int(bytes.littleEndian(at: offset + 1, bytes: 2)),
            height: frame.height + Int(bytes.littleEndian(at: offset + 3, bytes: 2)))
    }

    /// The length in bytes of the colour table that `flags` announces.
    private static func colourTableLength(_ flags: UInt8) -> Int64 {
        flags & 0x80 == 0 ? 0 : 3 << (Int64(flags & 7) + 1)
    }

    /// Returns the offset after the empty sub-block that ends a series of sub-blocks.
    private static func endOfSubBlocks(_ bytes: inout PictureBytes, from start: Int64) throws -> Int64 {
        var offset = start
        while true {
            let length = Int64(try bytes.byte(at: offset))
            offset += 1 + length
            if length == 0 { return offset }
        }
    }
}
