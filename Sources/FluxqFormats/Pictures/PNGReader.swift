/// PNG (ISO/IEC 15948): a signature, then chunks of length, name, data and checksum, from IHDR to IEND.
enum PNGReader {
    /// A chunk's length has 31 bits.
    static let chunkLengthLimit: Int64 = 0x7FFF_FFFF
    static let firstChunk: Int64 = 8

    static func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
        var reading = Reading()
        do {
            try reading.readChunks(&bytes)
        } catch PictureDefect.incomplete(let format) {
            // If the end mark is missing or cut, only the pixels themselves show whether any are missing.
            guard let info = reading.info, reading.hasData, try PNGPixels.areAllThere(&bytes) else {
                throw PictureDefect.incomplete(format)
            }
            bytes.note("ends without its end mark")
            return info
        }
        guard let info = reading.info, reading.hasData else { throw bytes.corrupt("it holds no picture data") }
        if let doubt = reading.doubt {
            guard try PNGPixels.areAllThere(&bytes) else { throw bytes.corrupt(doubt) }
            bytes.note("is whole, but \(doubt)")
        }
        return info
    }

    private struct Reading {
        var info: PictureInfo?
        var hasData = false
        /// Set if a checksum of picture data is wrong. The data may still be right.
        var doubt: String?

        mutating func readChunks(_ bytes: inout PictureBytes) throws {
            var offset = firstChunk
            while true {
                let length = Int64(try bytes.bigEndian(at: offset, bytes: 4))
                let name = try bytes.fourCC(at: offset + 4)
                let data = offset + 8
                guard length <= chunkLengthLimit else { throw bytes.corrupt("its chunk at \(offset) has no length") }
                guard (info == nil) == (name == fourCC("IHDR")) else {
                    throw bytes.corrupt(info == nil ? "its first chunk is not IHDR" : "it has a second IHDR chunk")
                }
                // Reads the size first: a picture of an impossible size needs no checksum.
                if info == nil { info = try size(of: &bytes, data: data, length: length) }
                if name == fourCC("IDAT"), length > 0 { hasData = true }
                let checksum = try bytes.checksum(at: offset + 4, count: 4 + length)
                if try UInt64(checksum) != bytes.bigEndian(at: data + length, bytes: 4) {
                    let what = "the checksum of its \(text(ofFourCC: name)) chunk at \(offset) is wrong"
                    switch name {
                    case fourCC("IDAT"): doubt = doubt ?? what
                    // Every reader skips such a chunk: a lowercase first letter marks it as not needed for the picture.
                    case fourCC("IEND"),
                        _ where name & 0x2000_0000 != 0:
                        bytes.note("is whole, but \(what)")
                    default: throw bytes.corrupt(what)
                    }
                }
                if name == fourCC("IEND") { return }
                offset = data + length + 4
            }
        }
    }

    private static func size(
        of bytes: inout PictureBytes, data: Int64, length: Int64
    ) throws -> PictureInfo {
        guard length == 13 else { throw bytes.corrupt("its IHDR chunk has \(length) bytes instead of 13") }
        return try bytes.info(
            width: Int(bytes.bigEndian(at: data, bytes: 4)), height: Int(bytes.bigEndian(at: data + 4, bytes: 4)))
    }
}
