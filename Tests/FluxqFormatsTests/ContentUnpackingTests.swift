import FluxqTestSupport
import Testing

@testable import FluxqFormats

@Suite("Packed bodies")
struct ContentUnpackingTests {
    private static let png = SamplePictures.png.bytes

    private func unpacked(_ bytes: [UInt8], _ codings: [String] = [], piece: Int = 7) throws -> [UInt8]? {
        guard var unpacking = ContentUnpacking(head: Array(bytes.prefix(1024)), codings: codings) else { return nil }
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { piece in
                try unpacking.unpack(piece) { result += $0 }
            }
        }
        try unpacking.finish { result += $0 }
        return result
    }

    private static func frames(_ bytes: [UInt8], signature: String) -> [UInt8] {
        let half = bytes.count / 2
        let chunks: [[UInt8]] = [Array(bytes[..<half]), Array(bytes[half...]), []]
        var result: [UInt8] = []
        for chunk in chunks {
            result += Array("\(String(chunk.count, radix: 16))\(signature)\r\n".utf8)
            result += chunk
            result += Array("\r\n".utf8)
        }
        return result
    }

    @Test(
        "a body that begins as a picture is one, whatever its headers claim",
        arguments: ["gzip", "deflate", "base64", "utf-8", "aws-chunked", "br", "none", "binary"])
    func claims(coding: String) throws {
        #expect(try unpacked(Self.png, [coding]) == nil)
    }

    @Test("gzip is recognized by its bytes, deflate by the header, with or without wrapping")
    func deflated() throws {
        // One letter a hundred times, as gzip, zlib and bare deflate produced by zlib.
        let text = [UInt8](repeating: 0x61, count: 100)
        let bare: [UInt8] = [0x4B, 0x4C, 0xA4, 0x3D, 0x00, 0x00]
        let adler: [UInt8] = [0x7A, 0x47, 0x25, 0xE5]
        let zlib: [UInt8] = [0x78, 0x9C] + bare + adler
        #expect(try unpacked(zlib, ["deflate"]) == text)
        #expect(try unpacked(bare, ["deflate"]) == text)
        #expect(try unpacked(zlib) == nil)
        var checksum = CRC32()
        text.withUnsafeBytes { checksum.update($0) }
        let value = checksum.value
        let crc: [UInt8] = [0, 8, 16, 24].map { (shift: UInt32) in UInt8(truncatingIfNeeded: value >> shift) }
        let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        let size: [UInt8] = [100, 0, 0, 0]
        let gzip: [UInt8] = head + bare + crc + size
        #expect(try unpacked(gzip) == text)
        #expect(try unpacked(gzip + gzip) == text + text)
        #expect(throws: ContentUnpacking.Broken.self) { try unpacked(gzip.dropLast(9)) }
        #expect(throws: ContentUnpacking.Broken.self) { try unpacked(Array(gzip[..<10]) + [0xFF, 0xFF, 0xFF]) }
    }

    @Test("the framing of an upload is removed; if it is signed, also without a header")
    func frames() throws {
        let signed = Self.frames(Self.png, signature: ";chunk-signature=0a1b")
        let bare = Self.frames(Self.png, signature: "")
        for piece in [1, 7, 4096] {
            #expect(try unpacked(signed, piece: piece) == Self.png)
            #expect(try unpacked(bare, ["aws-chunked"], piece: piece) == Self.png)
        }
        #expect(try unpacked(bare) == nil)
        #expect(throws: ContentUnpacking.Broken.self) { try unpacked(signed.dropLast(60)) }
    }

    @Test("base64 of a picture is decoded, with or without a data: prefix")
    func base64() throws {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: Self.png.count - 2, by: 3) {
            let group = Int(Self.png[start]) << 16 | Int(Self.png[start + 1]) << 8 | Int(Self.png[start + 2])
            for shift in [18, 12, 6, 0] { text.append(letters[group >> shift & 63]) }
        }
        let whole = Array(Self.png.prefix(text.count / 4 * 3))
        #expect(try unpacked(text) == whole)
        #expect(try unpacked(Array("data:image/png;base64,".utf8) + text) == whole)
        #expect(try unpacked(Array("a page of text".utf8), ["base64"]) == nil)
    }
}
