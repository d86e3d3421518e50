/// PNG (ISO/IEC 15948): a signature, then chunks of length, name, data and checksum, from IHDR to IEND.
enum PNGReader {
    /// A chunk's length has 31 bits.
    private static let chunkLengthLimit: Int64 = 0x7FFF_FFFF

    static func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
        var info: PictureInfo?
        var hasData = false
        var offset: Int64 = 8
        while true {
            let length = Int64(try bytes.bigEndian(at: offset, bytes: 4))
            let name = try bytes.fourCC(at: offset + 4)
            let data = offset + 8
            guard length <= chunkLengthLimit else { throw bytes.corrupt("its chunk at \(offset) has no length") }
            guard (info == nil) == (name == fourCC("IHDR")) else {
                throw bytes.corrupt(info == nil ? "its first chunk is not IHDR" : "it has a second IHDR chunk")
            }
            // The size first: a picture that nobody may have needs no checksum.
            if info == nil { info = try size(of: &bytes, data: data, length: length) }
            let checksum = try bytes.checksum(at: offset + 4, count: 4 + length)
            guard try UInt64(checksum) == bytes.bigEndian(at: data + length, bytes: 4) else {
                throw bytes.corrupt("the checksum of its \(text(ofFourCC: name)) chunk at \(offset) is wrong")
            }
            if name == fourCC("IDAT"), length > 0 { hasData = true }
            if name == fourCC("IEND"), let info {
                guard hasData else { throw bytes.corrupt("it holds no picture data") }
                return info
            }
            offset = data + length + 4
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
