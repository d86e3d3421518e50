import Testing

@testable import FluxqFormats

@Suite("Base64 in all common variants")
struct Base64DecoderTests {
    /// Decodes a text in pieces of one size.
    private func decode(_ text: String, pieces: Int = .max) throws -> [UInt8] {
        var decoder = Base64Decoder()
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            bytes += try decoder.decode(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
        }
        return bytes + (try decoder.finish())
    }

    static let readable: [(text: String, bytes: [UInt8])] = [
        ("", []),
        ("AA==", [0]),
        ("AAE=", [0, 1]),
        ("AAEC", [0, 1, 2]),
        ("AA", [0]),
        ("AAE", [0, 1]),
        ("AA=", [0]),
        ("AAECAwQ=", [0, 1, 2, 3, 4]),
        ("+/+/", [0xFB, 0xFF, 0xBF]),
        ("-_-_", [0xFB, 0xFF, 0xBF]),
        ("+_-/", [0xFB, 0xFF, 0xBF]),
        ("AA EC\r\nAw\tQ=\n", [0, 1, 2, 3, 4]),
        (" \n AAEC", [0, 1, 2]),
        ("AAE = ", [0, 1]),
        ("AA=\n=", [0]),
        ("data:image/png;base64,AAEC", [0, 1, 2]),
        ("data:image/JPEG;base64,AAEC", [0, 1, 2]),
        ("DATA:image/webp;charset=x;base64,AAEC", [0, 1, 2]),
        ("data:;base64,AAEC", [0, 1, 2]),
        ("data:,AAEC", [0, 1, 2]),
        (" data:image/png;base64, AAEC", [0, 1, 2]),
        ("data:image/png;base64,", []),
        ("dataAAEC", [0x75, 0xAB, 0x5A, 0, 1, 2]),
        ("datA", [0x75, 0xAB, 0x40]),
        ("da", [0x75]),
    ]

    @Test("each form gives its bytes, wherever the text is cut", arguments: readable)
    func reads(text: String, bytes: [UInt8]) throws {
        for pieces in [1, 2, 3, 4, 5, 7, .max] {
            #expect(try decode(text, pieces: pieces) == bytes, "in pieces of \(pieces)")
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

    static let damaged: [(text: String, bytes: [UInt8], damagedAt: Int?)] = [
        ("AAECAwQF", [0, 1, 2, 3, 4, 5], nil), ("data:image/png;base64,AAEC", [0, 1, 2], nil),
        ("AAEC==", [0, 1, 2], nil),
        ("AA====", [0], nil),
        // A wrong letter counts as zero, and all later bytes keep their places.
        ("AAECQ*Fx", [0, 1, 2, 0x40, 0x01, 0x71], 3), ("AA*C", [0, 0, 2], 0), ("AAECA", [0, 1, 2], 3),
        ("AA==AAEC", [0, 0, 1, 2], 1), ("data:image/png", [], 0),
    ]

    @Test("a tolerant decoder reads past damage and reports its start", arguments: damaged)
    func tolerates(text: String, bytes: [UInt8], damagedAt: Int?) {
        for pieces in [1, 2, 3, 5, Int.max] {
            var decoder = Base64Decoder(tolerant: true)
            var decoded: [UInt8] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                decoded += decoder.decodeTolerantly(Array(rest.prefix(pieces)))
                rest = rest.dropFirst(pieces)
            }
            decoded += decoder.finishTolerantly()
            #expect(decoded == bytes, "in pieces of \(pieces)")
            #expect(decoder.damagedAt == damagedAt, "in pieces of \(pieces)")
        }
    }

    @Test("every byte value is decoded at every position")
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
