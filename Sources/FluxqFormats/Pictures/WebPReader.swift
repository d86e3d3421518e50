/// WebP (RFC 9649): a RIFF container of chunks, whose first is VP8 (lossy), VP8L (lossless) or VP8X (extended).
enum WebPReader {
    static func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
        let said = try 8 + Int64(bytes.littleEndian(at: 4, bytes: 4))
        var info: PictureInfo?
        var hasPicture = false
        var isCut = false
        // Some writers did not know the length and wrote none.
        var end = said < 20 ? bytes.size : min(said, bytes.size)
        var offset: Int64 = 12
        // The rest is too short for a chunk and is ignored: writers differ on padding.
        while end - offset >= 8 {
            let name = try bytes.fourCC(at: offset)
            let data = offset + 8
            let length = Int64(try bytes.littleEndian(at: offset + 4, bytes: 4))
            // If the RIFF's length cuts a chunk but the file does not, the RIFF's length is wrong.
            if length > end - data, length <= bytes.size - data { end = bytes.size }
            isCut = length > end - data
            let isPicture = [fourCC("VP8 "), fourCC("VP8L"), fourCC("ANMF")].contains(name)
            // An animation does not show how many of its pictures are missing.
            if isCut, isPicture || !hasPicture || said <= bytes.size {
                guard said > bytes.size else {
                    throw bytes.corrupt("its \(text(ofFourCC: name)) chunk at \(offset) is longer than the file")
                }
                throw PictureDefect.incomplete(.webp)
            }
            if isCut { break }
            if info == nil { info = try size(of: &bytes, first: name, data: data, length: length) }
            if isPicture, length > 0 { hasPicture = true }
            offset = data + length + length % 2
        }
        guard let info, hasPicture else {
            throw said > bytes.size ? PictureDefect.incomplete(.webp) : bytes.corrupt("it holds no picture data")
        }
        if said > bytes.size || end != min(said, bytes.size) {
            bytes.note("is whole, but says that it is \(said) bytes long")
        }
        return info
    }

    private static func size(
        of bytes: inout PictureBytes, first name: UInt32, data: Int64, length: Int64
    ) throws -> PictureInfo {
        switch name {
        case fourCC("VP8X"):
            guard length >= 10 else { throw bytes.corrupt("its VP8X chunk is cut") }
            return try bytes.info(
                width: Int(bytes.littleEndian(at: data + 4, bytes: 3)) + 1,
                height: Int(bytes.littleEndian(at: data + 7, bytes: 3)) + 1)
        case fourCC("VP8L"):
            guard length >= 5, try bytes.byte(at: data) == 0x2F else {
                throw bytes.corrupt("its VP8L chunk has no signature")
            }
            let fields = Int(try bytes.littleEndian(at: data + 1, bytes: 4))
            guard fields >> 29 == 0 else { throw bytes.corrupt("its VP8L chunk has an unknown version") }
            return try bytes.info(width: fields & 0x3FFF + 1, height: fields >> 14 & 0x3FFF + 1)
        case fourCC("VP8 "):
            guard length >= 10, try bytes.byte(at: data) & 1 == 0,
                try bytes.bigEndian(at: data + 3, bytes: 3) == 0x9D012A
            else { throw bytes.corrupt("its VP8 chunk does not begin with a key frame") }
            // The two highest bits of each are a scale for display (RFC 6386, 9.1).
            return try bytes.info(
                width: Int(bytes.littleEndian(at: data + 6, bytes: 2)) & 0x3FFF,
                height: Int(bytes.littleEndian(at: data + 8, bytes: 2)) & 0x3FFF)
        default:
            throw bytes.corrupt("its first chunk is \(text(ofFourCC: name)), not VP8, VP8L or VP8X")
        }
    }
}
