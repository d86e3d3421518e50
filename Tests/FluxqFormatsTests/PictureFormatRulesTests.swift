import FluxqTestSupport
import Testing

@testable import FluxqFormats

/// The format rules, applied to pictures that are assembled or modified by hand.
@Suite("The rules of each picture format")
struct PictureFormatRulesTests {
    // MARK: PNG

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    private static let header: [UInt8] = [0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]

    private static func chunk(_ name: String, _ data: [UInt8] = []) -> [UInt8] {
        let named = Array(name.utf8) + data
        var checksum = CRC32()
        named.withUnsafeBytes { checksum.update($0) }
        return bigEndian(UInt32(data.count)) + named + bigEndian(checksum.value)
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func png(_ chunks: [UInt8]...) -> [UInt8] { signature + chunks.flatMap(\.self) }

    @Test(
        "PNG: chunks are in order and their checksums are right",
        arguments: [
            (png(chunk("IHDR", header), chunk("IDAT", [1]), chunk("IEND")), nil),
            (png(chunk("IHDR", header), chunk("IEND")), "it holds no picture data"),
            (png(chunk("IDAT", [1]), chunk("IEND")), "its first chunk is not IHDR"),
            (png(chunk("IHDR", header), chunk("IHDR", header)), "it has a second IHDR chunk"),
            (png(chunk("IHDR", header + [0])), "its IHDR chunk has 14 bytes instead of 13"),
            (
                png(chunk("IHDR", header), chunk("IDAT", [1]).dropLast() + [0], chunk("IEND")),
                "the checksum of its IDAT chunk at 33 is wrong"
            ),
            (png(chunk("IHDR", header), [0x80, 0, 0, 0, 0, 0, 0, 0]), "its chunk at 33 has no length"),
        ] as [([UInt8], String?)])
    func pngRules(bytes: [UInt8], defect: String?) throws {
        #expect(
            try PictureReader.inspect(bytes)
                == (defect.map { .failure(.corrupt(.png, $0)) }
                    ?? .success(PictureInfo(format: .png, width: 3, height: 2))))
    }

    @Test("PNG: a chunk of many pieces is checked to its last byte")
    func largePNG() throws {
        let data = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let bytes = Self.png(Self.chunk("IHDR", Self.header), Self.chunk("IDAT", data), Self.chunk("IEND"))
        #expect(try PictureReader.inspect(bytes) == .success(PictureInfo(format: .png, width: 3, height: 2)))
        for offset in [41, 65_535, 65_536, 131_100, 200_040] {
            let flipped = bytes.replacing(at: offset, with: [bytes[offset] ^ 1])
            #expect(
                try PictureReader.inspect(flipped)
                    == .failure(.corrupt(.png, "the checksum of its IDAT chunk at 33 is wrong")))
        }
    }

    @Test(
        "PNG: every flipped bit is found: it is a defect or at least a flaw",
        arguments: [SamplePictures.png, SamplePictures.interlacedPNG])
    func flippedPNG(_ sample: SamplePicture) throws {
        for bit in 0..<sample.bytes.count * 8 {
            let flipped = sample.bytes.replacing(at: bit / 8, with: [sample.bytes[bit / 8] ^ 1 << UInt8(bit % 8)])
            if case .success(let info) = try PictureReader.inspect(flipped), info.flaw == nil {
                Issue.record("bit \(bit)")
            }
        }
    }

    @Test("CRC-32 matches ISO 3309, however its bytes are cut")
    func checksum() throws {
        let bytes = Array("123456789 and some more".utf8)
        for cut in 0...9 {
            var checksum = CRC32()
            bytes[..<cut].withUnsafeBytes { checksum.update($0) }
            bytes[cut..<9].withUnsafeBytes { checksum.update($0) }
            #expect(checksum.value == 0xCBF4_3926)
        }
        #expect(CRC32().value == 0)
    }

    // MARK: JPEG

    private static let start: [UInt8] = [0xFF, 0xD8]
    private static let frame: [UInt8] = [0xFF, 0xC2, 0, 11, 8, 0, 2, 0, 3, 1, 1, 0x11, 0]
    private static let scan: [UInt8] = [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]
    private static let end: [UInt8] = [0xFF, 0xD9]

    @Test(
        "JPEG: markers, stuffing, restarts and fill bytes",
        arguments: [
            (start + frame + scan + [1, 0xFF, 0, 2, 0xFF, 0xD3, 3] + end, nil),
            (start + frame + scan + [1, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0xD0, 0xFF] + end, nil),
            (start + [0xFF, 0xFF] + frame + [0xFF, 0x01] + scan + [1] + scan + [2] + end, nil),
            // A second picture inside a segment, or after the end, is ignored.
            (start + [0xFF, 0xE1, 0, 6] + start + end + frame + scan + [1] + end + start + frame, nil),
            (start + frame + end, "it holds no picture data"),
            (start + frame + scan + end, "it holds no picture data"),
            (start + end + [0], "it holds no picture data"),
            (start + [0xFF] + scan.dropFirst() + [1] + end, "its picture data come before its size"),
            (start + frame + frame + scan + [1] + end, "it has a second frame"),
            (start + [0xFF, 0xC0, 0, 7, 8, 0, 2, 0, 3, 1], "its frame header is cut"),
            (start + [0xFF, 0xE0, 0, 1] + frame, "its segment at 4 has no length"),
            (start + frame + start, "it has a marker out of place at 17"),
            (start + frame + [0xFF, 0x00], "it has a marker out of place at 17"),
        ] as [([UInt8], String?)])
    func jpegRules(bytes: [UInt8], defect: String?) throws {
        #expect(
            try PictureReader.inspect(bytes)
                == (defect.map { .failure(.corrupt(.jpeg, $0)) }
                    ?? .success(PictureInfo(format: .jpeg, width: 3, height: 2))))
    }

    @Test("JPEG: an end mark split over two pieces is found", arguments: 65_530...65_540)
    func piecewiseJPEG(length: Int) throws {
        let head = Self.start + Self.frame + Self.scan
        let whole = head + [UInt8](repeating: 7, count: length - head.count) + Self.end
        #expect(try PictureReader.inspect(whole) == .success(PictureInfo(format: .jpeg, width: 3, height: 2)))
        let stuffed = head + [UInt8](repeating: 7, count: length - head.count) + [0xFF, 0] + Self.end
        #expect(try PictureReader.inspect(stuffed) == .success(PictureInfo(format: .jpeg, width: 3, height: 2)))
        for early in [whole.dropLast(), whole.dropLast(2), stuffed.dropLast(), stuffed.dropLast(2)] {
            #expect(try PictureReader.inspect(Array(early)) == .failure(.incomplete(.jpeg)))
        }
    }

    // MARK: WebP

    private static func webP(_ chunks: [UInt8]...) -> [UInt8] {
        let content = Array("WEBP".utf8) + chunks.flatMap(\.self)
        return Array("RIFF".utf8) + bigEndian(UInt32(content.count)).reversed() + content
    }

    private static func riffChunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        Array(name.utf8) + bigEndian(UInt32(data.count)).reversed() + data + (data.count % 2 == 0 ? [] : [0])
    }

    private static let extended = riffChunk("VP8X", [0, 0, 0, 0, 2, 0, 0, 1, 0, 0])
    private static let lossless = riffChunk("VP8L", [0x2F, 2, 0x40, 0, 0, 9])
    private static let lossy = riffChunk("VP8 ", [0, 0, 0, 0x9D, 0x01, 0x2A, 3, 0xC0, 2, 0x40, 0])

    @Test(
        "WebP: three kinds of first chunk, and a picture among the chunks",
        arguments: [
            (webP(lossless), nil), (webP(lossy), nil), (webP(lossy.dropLast()), nil), (webP(extended, lossy), nil),
            (webP(extended, riffChunk("ANMF", [1])), nil), (webP(lossless, [1, 2, 3]), nil),
            (webP(extended), "it holds no picture data"),
            (webP(extended, riffChunk("EXIF", [1])), "it holds no picture data"),
            (webP(), "it holds no picture data"),
            (webP(riffChunk("VP8X", [0, 0])), "its VP8X chunk is cut"),
            (webP(riffChunk("VP8L", [0x2E, 2, 0x40, 0, 0])), "its VP8L chunk has no signature"),
            (webP(riffChunk("VP8L", [0x2F, 2, 0x40, 0, 0xE0])), "its VP8L chunk has an unknown version"),
            (webP(riffChunk("VP8 ", [1] + lossy[9..<19])), "its VP8 chunk does not begin with a key frame"),
            (webP(riffChunk("ICCP", [1])), "its first chunk is ICCP, not VP8, VP8L or VP8X"),
            (webP(extended, Array("VP8L".utf8) + [9, 0, 0, 0, 1]), "its VP8L chunk at 30 is longer than the file"),
        ] as [([UInt8], String?)])
    func webPRules(bytes: [UInt8], defect: String?) throws {
        #expect(
            try PictureReader.inspect(bytes)
                == (defect.map { .failure(.corrupt(.webp, $0)) }
                    ?? .success(PictureInfo(format: .webp, width: 3, height: 2))))
    }

    // MARK: GIF

    private static let screen = Array("GIF89a".utf8) + [3, 0, 2, 0, 0, 0, 0]
    private static let image: [UInt8] = [0x2C, 0, 0, 0, 0, 3, 0, 2, 0, 0, 2, 1, 9, 0]

    @Test(
        "GIF: blocks up to the trailer",
        arguments: [
            (screen + image + [0x3B], nil),
            (screen + [0x21, 0xFE, 2, 0x3B, 0x3B, 0] + image + image + [0x3B, 1], nil),
            (screen + [0x3B], "it holds no picture data"),
            (screen + image.dropLast(3) + [0, 0x3B], "it holds no picture data"),
            (screen + [0x7A] + image, "it has no block at 13"),
            (screen + image.replacing(at: 5, with: [0]), "its size is 0×2 pixels"),
        ] as [([UInt8], String?)])
    func gifRules(bytes: [UInt8], defect: String?) throws {
        #expect(
            try PictureReader.inspect(bytes)
                == (defect.map { .failure(.corrupt(.gif, $0)) }
                    ?? .success(PictureInfo(format: .gif, width: 3, height: 2))))
    }

    @Test("GIF: a frame that is larger than most programs can show is a flaw, as the screen is")
    func hugeFrame() throws {
        let image = Self.image.replacing(at: 1, with: [1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
        #expect(try flaw(Self.screen + image + [0x3B]).contains("65535×65535"))
        let shifted = Self.image.replacing(at: 1, with: [0xFF, 0x7F])
        #expect(try flaw(Self.screen + shifted + [0x3B]).contains("32770×2"))
    }

    // MARK: AVIF

    private static func box(_ type: String, _ content: [UInt8]...) -> [UInt8] {
        let content = content.flatMap(\.self)
        return bigEndian(UInt32(content.count + 8)) + Array(type.utf8) + content
    }

    private static let fileType = box("ftyp", Array("mif1".utf8), [0, 0, 0, 0], Array("miafavif".utf8))
    private static let size = box("ispe", [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2])
    private static let tile = box("ispe", [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9])
    private static let data = box("mdat", [1, 2, 3, 4])

    private static func meta(_ boxes: [UInt8]...) -> [UInt8] { box("meta", [0, 0, 0, 0], boxes.flatMap(\.self)) }

    private static func properties(_ boxes: [UInt8]...) -> [UInt8] { box("iprp", box("ipco", boxes.flatMap(\.self))) }

    /// The primary item is 1, and its second property is its size.
    private static let primary = box("pitm", [0, 0, 0, 0, 0, 1])
    private static let association = box("ipma", [0, 0, 0, 0, 0, 0, 0, 2, 0, 7, 1, 1, 0, 1, 1, 0x82])

    /// Returns the location of one item in the file: `length` bytes from `offset`.
    private static func location(_ offset: UInt32, length: UInt32) -> [UInt8] {
        box("iloc", [0, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1], bigEndian(offset), bigEndian(length))
    }

    @Test(
        "AVIF: the size is the primary item's, and the bytes of every item must be there",
        arguments: [
            (fileType + meta(properties(size)) + data, nil),
            (fileType + meta(properties(size), box("idat", [1])), nil),
            (fileType + data + meta(primary, box("iprp", box("ipco", tile, size), association)), nil),
            (fileType + meta(properties(size), location(24, length: 8)) + data, nil),
            (fileType + meta(properties(size)) + [0, 0, 0, 0] + Array("mdat".utf8) + [1], nil),
            (
                fileType + meta(properties(size)) + [0, 0, 0, 1] + Array("mdat".utf8) + [0, 0, 0, 0, 0, 0, 0, 17, 1],
                nil
            ),
            (fileType + meta(properties(size)), .incomplete(.avif)),
            (fileType + data, .corrupt(.avif, "it does not say its size")),
            (fileType + meta(properties()) + data, .corrupt(.avif, "it does not say its size")),
            (fileType + meta(properties(size), location(24, length: 5000)) + data, .incomplete(.avif)),
            (fileType + meta(properties(size), location(.max, length: .max)) + data, .incomplete(.avif)),
            // Without `iloc` it is unknown whether its data are all there.
            (fileType + meta(properties(size)) + data + [0, 0, 0], .incomplete(.avif)),
            (
                fileType + meta(properties(size)) + [0, 0, 0, 1] + Array("mdat".utf8)
                    + [UInt8](repeating: 255, count: 8),
                .incomplete(.avif)
            ),
            (
                fileType + meta(properties(size)) + [0, 0, 0, 7] + Array("mdat".utf8),
                .corrupt(.avif, "its mdat box has no length")
            ),
            (fileType + meta(properties(size.dropLast())) + data, .corrupt(.avif, "its boxes overlap")),
            (
                fileType + meta(properties(box("ispe", [0, 0, 0, 0]))) + data,
                .corrupt(.avif, "one of its boxes is cut")
            ),
            (
                fileType + meta(properties(size), box("iloc", [0, 0, 0, 0, 0x34, 0])) + data,
                .corrupt(.avif, "its iloc box has numbers of an odd width")
            ),
            (
                fileType + meta(box("iprp", box("ipma", [0, 0, 0, 0, 255, 255, 255, 255]))) + data,
                .corrupt(.avif, "one of its boxes is cut")
            ),
        ] as [([UInt8], PictureDefect?)])
    func avifRules(bytes: [UInt8], defect: PictureDefect?) throws {
        #expect(
            try PictureReader.inspect(bytes)
                == (defect.map { .failure($0) } ?? .success(PictureInfo(format: .avif, width: 3, height: 2))))
    }

    @Test("AVIF: without a primary item, the largest size is the picture's and not a tile's")
    func largest() throws {
        #expect(
            try PictureReader.inspect(Self.fileType + Self.meta(Self.properties(Self.tile, Self.size)) + Self.data)
                == .success(PictureInfo(format: .avif, width: 9, height: 9)))
    }

    // MARK: Flaws

    private func flaw(_ bytes: [UInt8]) throws -> String {
        let result = try PictureReader.inspect(bytes)
        guard case .success(let info) = result else {
            Issue.record("\(result)")
            return ""
        }
        return info.flaw ?? ""
    }

    private static let noEndMark = "ends without its end mark"

    /// Each sample, modified without losing a pixel, with the expected flaw.
    private static let flawed: [(name: String, bytes: [UInt8], flaw: String)] = {
        func cut(_ bytes: [UInt8], _ count: Int) -> [UInt8] { Array(bytes.dropLast(count)) }
        let (png, jpeg, gif) = (SamplePictures.png.bytes, SamplePictures.jpeg.bytes, SamplePictures.gif.bytes)
        let (webP, avif) = (SamplePictures.extendedWebP.bytes, SamplePictures.avif.bytes)
        let badProfile = cut(chunk("iCCP", [1, 2, 3]), 1) + [0]
        let behindHeader = 33
        func size(_ number: UInt32) -> [UInt8] { bigEndian(number).reversed() }
        let real = UInt32(webP.count - 8)
        return [
            ("PNG: checksum of a colour profile", png[..<behindHeader] + badProfile + png[behindHeader...], "iCCP"),
            ("PNG: checksum of the end mark", cut(png, 1) + [0], "IEND"),
            ("PNG: no end mark", cut(png, 12), noEndMark), ("PNG: half an end mark", cut(png, 5), noEndMark),
            ("PNG: no end mark, interlaced", cut(SamplePictures.interlacedPNG.bytes, 12), noEndMark),
            ("PNG: no checksum of the data either", cut(png, 13), noEndMark),
            ("JPEG: no end mark", cut(jpeg, 2), noEndMark), ("JPEG: half an end mark", cut(jpeg, 1), noEndMark),
            (
                "JPEG: a phone's trailer without FF", cut(jpeg, 2) + [0, 0, 1, 10] + Array("MotionPhoto".utf8),
                noEndMark
            ),
            ("JPEG: another picture behind the pixels", cut(jpeg, 2) + jpeg, "no part of a JPEG"),
            ("JPEG: bytes between segments", jpeg[..<20] + [0, 0] + jpeg[20...], "belong to nothing"),
            ("GIF: no trailer", cut(gif, 1), noEndMark), ("GIF: something else", cut(gif, 1) + [0, 1, 2], "GIF"),
            ("WebP: RIFF too long", webP.replacing(at: 4, with: size(real + 100)), "bytes long"),
            ("WebP: RIFF without end", webP.replacing(at: 4, with: size(.max)), "bytes long"),
            ("WebP: RIFF too short", webP.replacing(at: 4, with: size(real - 20)), "bytes long"),
            ("WebP: RIFF of nothing", webP.replacing(at: 4, with: size(0)), "bytes long"),
            ("AVIF: bytes behind its boxes", avif + [0xFF, 0xD8, 0xFF, 0, 0], "no part of an AVIF"),
        ]
    }()

    @Test("damage that costs no pixel is a flaw of a whole picture", arguments: flawed)
    func flaws(name: String, bytes: [UInt8], said: String) throws {
        #expect(try flaw(bytes).contains(said), "\(name)")
    }

    @Test("a picture with a missing pixel is not whole", arguments: [SamplePictures.png, SamplePictures.jpeg])
    func pixelsMissing(_ sample: SamplePicture) throws {
        // The last byte of the compressed data belongs to a checksum or to filling; eight bytes earlier there are
        // pixels.
        let end = sample.format == .png ? 12 + 4 + 8 : 2 + 2
        #expect(
            try PictureReader.inspect(Array(sample.bytes.dropLast(end))) == .failure(.incomplete(sample.format)))
    }
}
