import Testing

@testable import FluxqFormats

@Suite("Base64 as it is met in the wild")
struct Base64DecoderTests {
    /// Decodes a text in pieces of one size.
    private func decode(_ text: String, pieces: Int = .max) throws -> (bytes: [UInt8], type: String?) {
        var decoder = Base64Decoder()
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            bytes += try decoder.decode(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
        }
        return (bytes + (try decoder.finish()), decoder.claimedMediaType)
    }

    static let readable: [(text: String, bytes: [UInt8], type: String?)] = [
        ("", [], nil),
        ("AA==", [0], nil),
        ("AAE=", [0, 1], nil),
        ("AAEC", [0, 1, 2], nil),
        ("AA", [0], nil),
        ("AAE", [0, 1], nil),
        ("AA=", [0], nil),
        ("AAECAwQ=", [0, 1, 2, 3, 4], nil),
        ("+/+/", [0xFB, 0xFF, 0xBF], nil),
        ("-_-_", [0xFB, 0xFF, 0xBF], nil),
        ("+_-/", [0xFB, 0xFF, 0xBF], nil),
        ("AA EC\r\nAw\tQ=\n", [0, 1, 2, 3, 4], nil),
        (" \n AAEC", [0, 1, 2], nil),
        ("AAE = ", [0, 1], nil),
        ("AA=\n=", [0], nil),
        ("data:image/png;base64,AAEC", [0, 1, 2], "image/png"),
        ("data:image/JPEG;base64,AAEC", [0, 1, 2], "image/jpeg"),
        ("DATA:image/webp;charset=x;base64,AAEC", [0, 1, 2], "image/webp"),
        ("data:;base64,AAEC", [0, 1, 2], nil),
        ("data:,AAEC", [0, 1, 2], nil),
        (" data:image/png;base64, AAEC", [0, 1, 2], "image/png"),
        ("data:image/png;base64,", [], "image/png"),
        ("dataAAEC", [0x75, 0xAB, 0x5A, 0, 1, 2], nil),
        ("datA", [0x75, 0xAB, 0x40], nil),
        ("da", [0x75], nil),
    ]

    @Test("each form gives its bytes, wherever the text is cut", arguments: readable)
    func reads(text: String, bytes: [UInt8], type: String?) throws {
        for pieces in [1, 2, 3, 4, 5, 7, .max] {
            let result = try decode(text, pieces: pieces)
            #expect(result.bytes == bytes, "in pieces of \(pieces)")
            #expect(result.type == type, "in pieces of \(pieces)")
        }
    }

    static let broken: [(text: String, failure: Base64Decoder.Failure)] = [
        ("A", .truncated),
        ("AAECA", .truncated),
        ("d", .truncated),
        ("=", .truncated),
        ("A=", .truncated),
        ("AAEC=", .truncated),
        ("AA==A", .truncated),
        ("AA===", .truncated),
        ("AAE==", .truncated),
        ("data:image/png;base64", .truncated),
        ("AA*C", .invalidByte(UInt8(ascii: "*"))),
        ("AA==*", .invalidByte(UInt8(ascii: "*"))),
        ("image/png;base64,AAEC", .invalidByte(UInt8(ascii: ";"))),
        ("AAEC\u{0}", .invalidByte(0)),
        ("é", .invalidByte(0xC3)),
        ("data:" + String(repeating: "x", count: 300) + ",AAEC", .invalidByte(UInt8(ascii: ":"))),
    ]

    @Test("what is not base64 is refused, wherever the text is cut", arguments: broken)
    func refuses(text: String, failure: Base64Decoder.Failure) {
        for pieces in [1, 2, 3, 5, .max] {
            #expect(throws: failure, "in pieces of \(pieces)") { try decode(text, pieces: pieces) }
        }
    }

    @Test("every byte value comes back from every position")
    func everyByte() throws {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = (0..<768).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }
        var text: [UInt8] = []
        for triple in stride(from: 0, to: bytes.count, by: 3) {
            let bits = Int(bytes[triple]) << 16 | Int(bytes[triple + 1]) << 8 | Int(bytes[triple + 2])
            for shift in [18, 12, 6, 0] { text.append(alphabet[bits >> shift & 63]) }
        }
        var decoder = Base64Decoder()
        let decoded = try decoder.decode(AnySequence(text)) + decoder.finish()
        #expect(decoded == bytes)
    }
}
