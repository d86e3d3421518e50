/// The parts of a picture's metadata that users want to know before they send it.
package struct PictureMetadata: Hashable, Sendable {
    /// EXIF orientation, from 2 to 8: how to rotate or mirror the picture for display; nil for 1, which means
    /// unchanged.
    package internal(set) var orientation: Int?
    /// True if the metadata contain the place where it was taken.
    package internal(set) var hasPosition = false

    /// Reads the EXIF and XMP of a picture of a known format. Unreadable metadata are ignored.
    ///
    /// - Throws: only the errors of `source.read`.
    package init(of source: some ByteSource) throws {
        let head = try source.read(at: 0, count: ContentGuess.headLength)
        guard let format = ContentGuess.format(ofHead: head) else { return }
        var bytes = PictureBytes(of: source, format: format)
        do {
            switch format {
            case .jpeg: try readJPEG(&bytes)
            case .png: try readPNG(&bytes)
            case .webp: try readWebP(&bytes)
            case .avif: try readAVIF(&bytes)
            case .gif: break
            }
        } catch is PictureDefect {
            // The file ends or is damaged here.
        }
    }

    /// The number of bytes read of a block. EXIF fits one segment of a JPEG.
    private static let blockLimit: Int64 = 1 << 20

    private mutating func readJPEG(_ bytes: inout PictureBytes) throws {
        var offset: Int64 = 2
        while true {
            let marker = try JPEGReader.marker(of: &bytes, at: &offset)
            if marker == 0x01 { continue }
            guard marker != 0xDA, marker != 0xD9 else { return }
            let length = Int64(try bytes.bigEndian(at: offset, bytes: 2))
            guard length >= 2 else { return }
            if marker == 0xE1 { read(try bytes.block(at: offset + 2, count: min(length - 2, Self.blockLimit))) }
            offset += length
        }
    }

    private mutating func readPNG(_ bytes: inout PictureBytes) throws {
        var offset = PNGReader.firstChunk
        while true {
            let length = Int64(try bytes.bigEndian(at: offset, bytes: 4))
            guard length <= PNGReader.chunkLengthLimit else { return }
            if [fourCC("eXIf"), fourCC("iTXt")].contains(try bytes.fourCC(at: offset + 4)) {
                read(try bytes.block(at: offset + 8, count: min(length, Self.blockLimit)))
            }
            offset += 12 + length
        }
    }

    private mutating func readWebP(_ bytes: inout PictureBytes) throws {
        var offset: Int64 = 12
        while true {
            let length = Int64(try bytes.littleEndian(at: offset + 4, bytes: 4))
            if [fourCC("EXIF"), fourCC("XMP ")].contains(try bytes.fourCC(at: offset)) {
                read(try bytes.block(at: offset + 8, count: min(length, Self.blockLimit)))
            }
            offset += 8 + length + length % 2
        }
    }

    /// Finds EXIF by its first bytes: it is an item like the picture's data and may be anywhere in the file.
    private mutating func readAVIF(_ bytes: inout PictureBytes) throws {
        var offset: Int64 = 2
        while true {
            offset = try bytes.find(0x2A, from: offset)
            let isLittle = try bytes.bigEndian(at: offset - 2, bytes: 2) == 0x4949
            let isBig = try offset >= 3 && bytes.bigEndian(at: offset - 3, bytes: 3) == 0x4D4D00
            if isLittle || isBig {
                let start = isLittle ? offset - 2 : offset - 3
                read(try bytes.block(at: start, count: min(bytes.size - start, 65_536)))
            }
            offset += 1
        }
    }

    /// Reads a block of EXIF, with or without its `Exif` prefix, or of XMP.
    private mutating func read(_ block: [UInt8]) {
        let word = Array("Exif\0\0".utf8)
        if let directory = TIFFDirectory(of: block, at: block.starts(with: word) ? word.count : 0) {
            if let turned = directory.entries[TIFFDirectory.orientation]?.number, (2...8).contains(turned) {
                orientation = Int(turned)
            }
            let position = directory.directory(TIFFDirectory.position)?.entries
            hasPosition =
                hasPosition
                || position?[TIFFDirectory.latitude] != nil && position?[TIFFDirectory.longitude] != nil
        } else if block.starts(with: "http://ns.adobe.com/xap/".utf8) || block.starts(with: "XML:com.adobe.xmp".utf8)
            || block.first == UInt8(ascii: "<")
        {
            hasPosition = hasPosition || block.firstRange(of: Array("GPSLatitude".utf8)) != nil
        }
    }
}

extension PictureBytes {
    /// Reads bytes into memory.
    fileprivate mutating func block(at offset: Int64, count: Int64) throws -> [UInt8] {
        var block: [UInt8] = []
        try forEachPiece(at: offset, count: count) { block += $0 }
        return block
    }
}
