import FluxqTestSupport
import Testing

@testable import FluxqFormats

@Suite("The metadata of a picture")
struct PictureMetadataTests {
    /// Returns EXIF with an orientation, and with a GPS directory if it has a position.
    private func exif(orientation: UInt8, hasPosition: Bool, isLittleEndian: Bool) -> [UInt8] {
        func number(_ value: UInt32, _ count: Int) -> [UInt8] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
            return isLittleEndian ? bytes : bytes.reversed()
        }
        func entry(_ tag: UInt32, _ type: UInt32, _ count: UInt32, _ value: [UInt8]) -> [UInt8] {
            number(tag, 2) + number(type, 2) + number(count, 4) + value
        }
        let head = (isLittleEndian ? [0x49, 0x49] : [0x4D, 0x4D]) + number(0x2A, 2) + number(8, 4)
        var entries = [entry(0x0112, 3, 1, number(UInt32(orientation), 2) + [0, 0])]
        let gps = UInt32(8 + 2 + 12 * 2 + 4)
        if hasPosition { entries.append(entry(0x8825, 4, 1, number(gps, 4))) }
        var bytes = head + number(UInt32(entries.count), 2) + entries.flatMap { $0 } + number(0, 4)
        if hasPosition {
            bytes += number(2, 2) + entry(2, 5, 3, number(100, 4)) + entry(4, 5, 3, number(100, 4)) + number(0, 4)
        }
        return bytes
    }

    private func jpeg(_ segment: [UInt8]) -> [UInt8] {
        let length = segment.count + 2
        return [0xFF, 0xD8, 0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + segment
            + SamplePictures.jpeg.bytes.dropFirst(2)
    }

    private func png(_ name: String, _ data: [UInt8]) -> [UInt8] {
        var checksum = CRC32()
        (Array(name.utf8) + data).withUnsafeBytes { checksum.update($0) }
        func word(_ value: UInt32) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
        }
        let chunk = word(UInt32(data.count)) + Array(name.utf8) + data + word(checksum.value)
        // After the signature and IHDR.
        let bytes = SamplePictures.png.bytes
        return Array(bytes.prefix(33)) + chunk + bytes.dropFirst(33)
    }

    @Test("its orientation and whether it has a position, in both byte orders", arguments: [true, false])
    func exif(isLittleEndian: Bool) throws {
        for orientation in UInt8(0)...9 {
            for hasPosition in [true, false] {
                let block = exif(orientation: orientation, hasPosition: hasPosition, isLittleEndian: isLittleEndian)
                for picture in [jpeg(Array("Exif\0\0".utf8) + block), png("eXIf", block)] {
                    guard case .success = try PictureReader.inspect(picture) else {
                        Issue.record("the picture is broken")
                        return
                    }
                    let metadata = try PictureMetadata(of: picture)
                    #expect(metadata.orientation == ((2...8).contains(orientation) ? Int(orientation) : nil))
                    #expect(metadata.hasPosition == hasPosition)
                }
            }
        }
    }

    @Test("a position in XMP")
    func xmp() throws {
        let text = "<x:xmpmeta><rdf:Description exif:GPSLatitude=\"47,22.5N\"/></x:xmpmeta>"
        #expect(try PictureMetadata(of: jpeg(Array("http://ns.adobe.com/xap/1.0/\0\(text)".utf8))).hasPosition)
        #expect(try PictureMetadata(of: png("iTXt", Array("XML:com.adobe.xmp\0\0\0\0\0\(text)".utf8))).hasPosition)
    }

    @Test("none, if there are none, however broken the picture is")
    func nothing() throws {
        for sample in [SamplePictures.png.bytes, SamplePictures.jpeg.bytes, [], [0xFF], Array("GIF89a".utf8)] {
            #expect(try PictureMetadata(of: sample) == PictureMetadata(of: [UInt8]()))
        }
        let whole = jpeg(Array("Exif\0\0".utf8) + exif(orientation: 6, hasPosition: true, isLittleEndian: true))
        for length in stride(from: 0, to: 120, by: 1) { _ = try PictureMetadata(of: Array(whole.prefix(length))) }
        // A directory that points to itself, and one of 65,535 entries.
        for block in [
            [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 0xFF, 0xFF] as [UInt8], [0x49, 0x49, 0x2A, 0, 255, 255, 255, 255],
        ] {
            #expect(try PictureMetadata(of: jpeg(Array("Exif\0\0".utf8) + block)).orientation == nil)
        }
    }
}

@Suite("Formats that fluxq does not read")
struct ForeignFormatTests {
    @Test(
        "are named, each with a command that converts it",
        arguments: [
            (Array("\0\0\0\u{18}ftypheic".utf8), ForeignFormat.heic), (Array("\0\0\0\u{18}ftyphevx".utf8), .heic),
            (Array("\0\0\0\u{18}ftypmif1".utf8), .heic), ([0x49, 0x49, 0x2A, 0], .tiff),
            ([0x4D, 0x4D, 0, 0x2A], .tiff),
            ([0x49, 0x49, 0x2B, 0], .tiff), ([0xFF, 0x0A], .jpegXL),
            ([0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A], .jpegXL),
            ([0xFF, 0x4F, 0xFF, 0x51], .jpeg2000), (Array("BM".utf8) + [1, 2, 3, 4, 0, 0, 0, 0], .bmp),
            (Array("8BPS\0\u{1}".utf8), .photoshop), (Array("<svg xmlns=\"x\">".utf8), .svg),
            (Array("FUJIFILMCCD-RAW 0201".utf8), .raw), (Array("\0\0\0\u{18}ftypcrx ".utf8), .raw),
            ([0x49, 0x49, 0x2A, 0, 16, 0, 0, 0, 0x43, 0x52, 2, 0], .raw), (Array("IIRO".utf8) + [8, 0, 0, 0], .raw),
            ([0x49, 0x49, 0x55, 0], .raw), (Array("FOVb".utf8), .raw), (Array("%PDF-1.7".utf8), .pdf),
            (Array("\0\0\0\u{18}ftypqt  ".utf8), .video),
            // DNG: a TIFF whose first directory has the tag DNGVersion.
            ([0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 1, 0, 0x12, 0xC6, 1, 0, 4, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0], .raw),
        ] as [([UInt8], ForeignFormat)])
    func formats(head: [UInt8], format: ForeignFormat) throws {
        guard case .failure(let defect) = try PictureReader.inspect(head) else {
            Issue.record("is no picture")
            return
        }
        #expect(ForeignFormat(defect) == format)
        #expect(defect.description.contains(format.rawValue))
        #expect(try #require(format.conversion(of: "FILE")).contains("FILE"))
    }
}
