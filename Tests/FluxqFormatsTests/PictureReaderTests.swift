import FluxqTestSupport
import Testing

@testable import FluxqFormats

@Suite("Reading pictures")
struct PictureReaderTests {
    @Test("type and size come from the bytes", arguments: SamplePictures.all)
    func samples(_ sample: SamplePicture) throws {
        #expect(!sample.bytes.isEmpty && sample.bytes.count < 2048)
        #expect(try PictureReader.inspect(sample.bytes) == .success(sample.info))
    }

    @Test("no picture that was cut is whole without a flaw", arguments: SamplePictures.all)
    func truncations(_ sample: SamplePicture) throws {
        for length in 0..<sample.bytes.count {
            let result = try PictureReader.inspect(Array(sample.bytes.prefix(length)))
            switch result {
            case .failure(.incomplete(sample.format)): break
            case .success(let info) where info.flaw != nil: break
            // Fewer bytes than a signature match no format.
            case .failure(.notAPicture) where length < 12: break
            default: Issue.record("\(length) of \(sample.bytes.count) bytes: \(result)")
            }
        }
    }

    @Test(
        "bytes after the end are legal, except in AVIF, whose boxes fill the file: there they are a flaw",
        arguments: SamplePictures.all)
    func trailingBytes(_ sample: SamplePicture) throws {
        let result = try PictureReader.inspect(sample.bytes + [0xFF, 0xD8, 0xFF, 0x00, 0x00])
        guard case .success(var info) = result else {
            Issue.record("\(result)")
            return
        }
        #expect((info.flaw != nil) == (sample.format == .avif))
        info.flaw = nil
        #expect(info == sample.info)
    }

    @Test(
        "a file that is not a picture is named by its type",
        arguments: [
            ("", "empty"), ("<!DOCTYPE html><title>504</title>", "HTML"), ("\u{FEFF}\r\n <HTML>", "HTML"),
            ("<!-- x --><html><svg></svg></html>", "HTML"), ("<p>Bad gateway", "HTML"),
            ("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "SVG"), ("<?xml version=\"1.0\"?>\n<svg/>", "SVG"),
            ("<?xml version=\"1.0\"?><Error/>", "XML"),
            ("<Error><Code>404</Code></Error>", "XML"), ("{\"error\": {}}", "JSON"), (" [ {\"a\": 1}]", "JSON"),
            ("{}", "JSON"), ("[]", "JSON"), ("[warning] disk", "text"), ("data:image/png;base64,iVBORw0KGgo=", "text"),
            ("Grüße", "text"), ("  \n", "text"), ("%PDF-1.7\n%\u{1}", "PDF"), ("\0\0\0\0", "unknown bytes"),
            ("\0\0\0\u{18}ftypheic\0\0\0\0mif1heic", "HEIC"),
            ("II*\0\u{8}\0\0\0", "TIFF"), ("8BPS\0\u{1}", "PSD"), ("BM\u{1}\0\0\0\0\0\0\0", "BMP"),
            ("RIFF\u{4}\0\0\0WAVE", "unknown bytes"),
        ])
    func noPicture(text: String, name: String) throws {
        #expect(try PictureReader.inspect(Array(text.utf8)) == .failure(.notAPicture(looksLike: name)))
    }

    @Test("long text is text, even if its first bytes end inside a character")
    func longText() throws {
        for shift in 0..<3 {
            let text = String(repeating: "x", count: shift) + String(repeating: "€", count: 1000)
            #expect(try PictureReader.inspect(Array(text.utf8)) == .failure(.notAPicture(looksLike: "text")))
        }
        #expect(try PictureReader.inspect([0xC3]) == .failure(.notAPicture(looksLike: "unknown bytes")))
    }

    @Test("a claim of 65,535 pixels a side is a flaw", arguments: PictureFormat.allCases)
    func tooManyPixels(_ format: PictureFormat) throws {
        guard case .success(let info) = try PictureReader.inspect(claiming(65_535, format)) else {
            Issue.record("it is no picture")
            return
        }
        #expect(info.flaw == "claims to be 65535×65535 pixels large, more than most programs can show")
    }

    @Test("a picture without a pixel is damaged", arguments: PictureFormat.allCases)
    func noPixels(_ format: PictureFormat) throws {
        // Lossy WebP: the extended kind cannot express zero.
        let result = try PictureReader.inspect(claiming(0, format))
        guard case .failure(.corrupt(format, let how)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(how == "its size is 0×0 pixels")
    }

    /// Returns a sample that claims another size in its header.
    private func claiming(_ side: UInt16, _ format: PictureFormat) throws -> [UInt8] {
        let (high, low) = (UInt8(side >> 8), UInt8(side & 0xFF))
        switch format {
        case .png:
            let bytes = SamplePictures.png.bytes.replacing(at: 16, with: [0, 0, high, low, 0, 0, high, low])
            var checksum = CRC32()
            bytes[12..<29].withUnsafeBytes { checksum.update($0) }
            return bytes.replacing(
                at: 29, with: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: checksum.value >> $0) })
        case .jpeg:
            let frame = try #require(SamplePictures.jpeg.bytes.firstRange(of: [0xFF, 0xC0])).lowerBound
            return SamplePictures.jpeg.bytes.replacing(at: frame + 5, with: [high, low, high, low])
        case .webp where side == 0:
            return SamplePictures.lossyWebP.bytes.replacing(at: 26, with: [0, 0, 0, 0])
        case .webp:
            return SamplePictures.extendedWebP.bytes.replacing(at: 24, with: [low - 1, high, 0, low - 1, high, 0])
        case .gif:
            return SamplePictures.gif.bytes.replacing(at: 6, with: [low, high, low, high])
        case .avif:
            let size = try #require(SamplePictures.avif.bytes.firstRange(of: Array("ispe".utf8))).lowerBound
            return SamplePictures.avif.bytes.replacing(at: size + 8, with: [0, 0, high, low, 0, 0, high, low])
        }
    }

    @Test("a picture is too large beyond 32,768 pixels a side or 2^28 pixels in total")
    func limits() throws {
        func flaw(_ width: Int, _ height: Int) throws -> String? {
            var bytes = PictureBytes(of: [], format: .png)
            _ = try bytes.info(width: width, height: height)
            return bytes.flaw
        }
        #expect(try flaw(32_768, 8192) == nil)
        #expect(try flaw(32_769, 1) != nil)
        #expect(try flaw(32_768, 8193) != nil)
        #expect(try flaw(1, Int(Int32.max)) != nil)
        #expect(throws: PictureDefect.self) { try flaw(1, 0xFFFF_FFFF) }
    }

    @Test("a source's error is thrown unchanged, and a source truncated meanwhile is an incomplete picture")
    func brokenSources() throws {
        struct Broken: Error {}
        struct Source: ByteSource {
            let bytes: [UInt8]
            let size: Int64 = 1 << 40
            let fails: Bool
            func read(at offset: Int64, count: Int) throws -> [UInt8] {
                if fails, offset >= bytes.count { throw Broken() }
                return bytes.read(at: offset, count: count)
            }
        }
        // WebP and AVIF declare their length in headers: most of their bytes are never read.
        for sample in SamplePictures.all where ![.webp, .avif].contains(sample.format) {
            let half = Array(sample.bytes.prefix(sample.bytes.count / 2))
            #expect(throws: Broken.self) { try PictureReader.inspect(Source(bytes: half, fails: true)) }
            #expect(
                try PictureReader.inspect(Source(bytes: half, fails: false)) == .failure(.incomplete(sample.format)))
        }
    }

    @Test(
        "a defect is described in words that follow a file's name",
        arguments: [
            (PictureDefect.notAPicture(looksLike: "empty"), "is empty"),
            (.notAPicture(looksLike: "HTML"), "is HTML, not a picture"),
            (
                .notAPicture(looksLike: "unknown bytes"),
                "is no picture that fluxq knows (PNG, JPEG, WebP, GIF or AVIF)"
            ),
            (.incomplete(.jpeg), "is a JPEG that ends early"), (.incomplete(.avif), "is an AVIF that ends early"),
            (.corrupt(.png, "its size is 0×1 pixels"), "is a damaged PNG: its size is 0×1 pixels"),
            (
                .notAPicture(looksLike: "HEIC"),
                "is HEIC, which fluxq does not read (it knows PNG, JPEG, WebP, GIF and AVIF)"
            ),
        ])
    func descriptions(defect: PictureDefect, text: String) throws {
        #expect(defect.description == text)
    }
}

extension [UInt8] {
    /// Returns the bytes with others from `offset` on.
    func replacing(at offset: Int, with bytes: [UInt8]) -> [UInt8] {
        self[..<offset] + bytes + self[(offset + bytes.count)...]
    }
}
