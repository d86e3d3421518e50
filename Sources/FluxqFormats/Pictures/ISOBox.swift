/// A box of the ISO base media file format (ISO/IEC 14496-12, 4.2), the container of AVIF.
struct ISOBox {
    let type: UInt32
    /// The offsets of its content.
    let content: Range<Int64>

    /// Reads the box at `offset` of a container that ends at `end`. If a top-level box goes beyond the end, the file
    /// ends early. If a box inside another does, the file is damaged.
    init(_ bytes: inout PictureBytes, at offset: Int64, end: Int64) throws {
        let early = end == bytes.size ? PictureDefect.incomplete(bytes.format) : bytes.corrupt("its boxes overlap")
        guard end - offset >= 8 else { throw early }
        type = try bytes.fourCC(at: offset + 4)
        var header: Int64 = 8
        var length = Int64(try bytes.bigEndian(at: offset, bytes: 4))
        if length == 1 {
            header = 16
            // A length of more than 63 bits does not fit any file.
            length = Int64(clamping: try bytes.bigEndian(at: offset + 8, bytes: 8))
        } else if length == 0 {
            length = end - offset  // up to the end of the container
        }
        guard length >= header else { throw bytes.corrupt("its \(text(ofFourCC: type)) box has no length") }
        guard length <= end - offset else { throw early }
        content = offset + header..<offset + length
    }

    /// Calls `body` for each of the boxes that fill `range`, in order.
    static func forEach(
        _ bytes: inout PictureBytes, in range: Range<Int64>, _ body: (ISOBox, inout PictureBytes) throws -> Void
    ) throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let box = try ISOBox(&bytes, at: offset, end: range.upperBound)
            try body(box, &bytes)
            offset = box.content.upperBound
        }
    }
}

/// Reads the fields of a box in order and never past its end.
struct ISOFields {
    private var offset: Int64
    private let end: Int64

    init(_ range: Range<Int64>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { offset >= end }

    mutating func next(_ count: Int, of bytes: inout PictureBytes) throws -> UInt64 {
        guard end - offset >= count else { throw bytes.corrupt("one of its boxes is cut") }
        defer { offset += Int64(count) }
        return try bytes.bigEndian(at: offset, bytes: count)
    }
}
