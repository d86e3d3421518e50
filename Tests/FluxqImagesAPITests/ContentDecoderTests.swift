import Foundation
import NIOCore
import Testing

@testable import FluxqImagesAPI

@Suite("Content codings are decoded by their bytes")
struct ContentDecoderTests {
    private static let text = #"{"data":[{"url":"https://h/a"}]}"#
    private static let gzip = bytes("H4sIAAAAAAACA6tWSkksSVSyiq5WKi3KUbJSyigpKSi20tfP0E9Uqo2tBQDINGV9IAAAAA==")
    private static let zlib = bytes("eJyrVkpJLElUsoquViotylGyUsooKSkottLXz9BPVKqNrQUArrUKmQ==")
    private static let raw = bytes("q1ZKSSxJVLKKrlYqLcpRslLKKCkpKLbS18/QT1Sqja0FAA==")
    /// Two streams after each other.
    private static let members = bytes(
        "H4sIAAAAAAACA6tWSkksSVSyiq4GAN5v+rEKAAAAH4sIAAAAAAACA1MqLcpRslLKKCkpKLbS18/QT1Sqja0FADoprD4WAAAA")
    private static let twice = bytes(
        "H4sIAAAAAAACA5Pv5mAAASbm1WFenjqeIZu61oVp6Z4K3BR0SkNTU2PbpevnL/iHrOpdy8pwwiS1VgGoFgDSI5tcNAAAAA==")
    private static let plain = Array(text.utf8)

    private static func bytes(_ base64: String) -> [UInt8] { Data(base64Encoded: base64).map(Array.init) ?? [] }

    private func decode(
        _ bytes: [UInt8], _ header: [String], pieces: Int
    ) throws(ContentDecoder.Broken) -> (text: String, isWhole: Bool) {
        let decoder = ContentDecoder(header: header)
        var decoded: [UInt8] = []
        var rest = bytes[...]
        repeat {
            decoder.add(ByteBuffer(bytes: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
            if rest.isEmpty { decoder.end() }
            while let piece = try decoder.next() { decoded += piece.readableBytesView }
        } while !rest.isEmpty
        return (String(decoding: decoded, as: UTF8.self), decoder.isWhole)
    }

    static let rows: [(bytes: [UInt8], header: [String])] = [
        (plain, []), (plain, ["utf-8"]), (plain, ["base64", "none"]), (plain, [""]), (plain, ["gzip"]),
        (plain, ["deflate"]), (plain, ["br"]), (plain, ["gzip, deflate, gzip"]), (gzip, ["gzip"]), (gzip, ["X-GZIP"]),
        (gzip, []), (gzip, ["utf-8"]), (gzip, ["deflate"]), (gzip, ["gzip;q=1.0"]), (gzip, ["\"gzip\""]),
        (gzip, ["gzip, identity"]), (gzip, ["gzip, gzip"]), (zlib, ["deflate"]), (zlib, []), (zlib, ["gzip"]),
        (raw, ["deflate"]), (members, ["gzip"]), (twice, ["gzip, gzip"]), (twice, ["gzip"]), (twice, ["gzip", "gzip"]),
        (gzip + Array("garbage behind its end".utf8), ["gzip"]),
    ]

    @Test("whatever the header says, and wherever the bytes are cut", arguments: rows)
    func decodes(bytes: [UInt8], header: [String]) throws {
        for pieces in [1, 2, 3, 7, Int.max] {
            let (text, isWhole) = try decode(bytes, header, pieces: pieces)
            #expect(text == Self.text, "in pieces of \(pieces)")
            #expect(isWhole)
        }
    }

    @Test("a cut body gives its beginning, and is not whole")
    func cut() throws {
        let (text, isWhole) = try decode(Array(Self.members.dropLast(20)), ["gzip"], pieces: 5)
        #expect(Self.text.hasPrefix(text) && text.count >= 10)
        #expect(!isWhole)
    }

    @Test("a damaged body fails after its good beginning was returned")
    func damaged() throws {
        var bytes = Self.members
        let second = try #require(bytes.dropFirst(2).firstRange(of: [0x1F, 0x8B])).lowerBound
        bytes.replaceSubrange(second + 10..<second + 20, with: repeatElement(0xFF, count: 10))
        let decoder = ContentDecoder(header: ["gzip"])
        decoder.add(ByteBuffer(bytes: bytes))
        var decoded = ""
        #expect(throws: ContentDecoder.Broken.self) {
            while let piece = try decoder.next() { decoded += String(buffer: piece) }
        }
        #expect(decoded.hasPrefix(Self.text.prefix(10)))
    }

    @Test("codings that fluxq cannot decode are named", arguments: ["br", "zstd", "gzip, BR", "compress"])
    func unreadable(header: String) {
        #expect(ContentDecoder(header: [header]).unreadable != nil)
        #expect(ContentDecoder(header: ["gzip, utf-8"]).unreadable == nil)
    }
}
