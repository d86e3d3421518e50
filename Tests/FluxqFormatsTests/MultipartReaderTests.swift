import FluxqTestSupport
import Testing

@testable import FluxqFormats

@Suite("A multipart body")
struct MultipartReaderTests {
    private static let contentType = "multipart/form-data; boundary=X"

    /// A part as it was read.
    struct Part: Hashable {
        var name: String
        var fileName: String?
        var mediaType: String?
        var text = ""
    }

    private static func parts(
        _ body: [UInt8], contentType: String = contentType, cutAt cuts: [Int] = []
    ) throws -> [Part] {
        var reader = try MultipartReader(contentType: contentType)
        var parts: [Part] = []
        var isOpen = false
        for (start, end) in zip([0] + cuts, cuts + [body.count]) {
            for event in try reader.read(body[start..<end]) {
                switch event {
                case .head(let head):
                    #expect(!isOpen)
                    isOpen = true
                    parts.append(Part(name: head.name, fileName: head.fileName, mediaType: head.mediaType))
                case .bytes(let bytes):
                    #expect(isOpen && !bytes.isEmpty)
                    parts[parts.count - 1].text += String(decoding: bytes, as: UTF8.self)
                case .end:
                    #expect(isOpen)
                    isOpen = false
                }
            }
        }
        try reader.finish()
        #expect(!isOpen && reader.isOver)
        return parts
    }

    private static func lines(_ lines: String...) -> [UInt8] { Array(lines.joined(separator: "\r\n").utf8) }

    private static let two = lines(
        "--X", "Content-Disposition: form-data; name=\"prompt\"", "", "Make it\r\nrain --X", "--X  ",
        "content-disposition:form-data;filename=\"a \\\"b\\\".png\";name=image[]", "Content-Type: Image/PNG; q=1", "",
        "\r\n\r\r\n--Y\r\n--", "--X--", "")

    private static let twoParts = [
        Part(name: "prompt", text: "Make it\r\nrain --X"),
        Part(name: "image[]", fileName: "a \"b\".png", mediaType: "image/png", text: "\r\n\r\r\n--Y\r\n--"),
    ]

    @Test("brings its parts with their names and bytes, however it is cut")
    func cuts() throws {
        #expect(try Self.parts(Self.two) == Self.twoParts)
        #expect(try Self.parts(Self.two, cutAt: Array(1..<Self.two.count)) == Self.twoParts)
        for cut in 0...Self.two.count { #expect(try Self.parts(Self.two, cutAt: [cut]) == Self.twoParts, "\(cut)") }
    }

    @Test(
        "is read as clients write it",
        arguments: [
            (lines("--X", "Content-Disposition: form-data; name=\"a\"", "", "", "--X--"), [Part(name: "a")]),
            // The line break that ends the head is the boundary's own as well.
            (lines("--X", "Content-Disposition: form-data; name=\"a\"", "", "--X--"), [Part(name: "a")]),
            (
                lines("hello", "--X", "Content-Disposition: form-data; name=a", "", "1", "--X--", "bye"),
                [Part(name: "a", text: "1")]
            ),
            (
                lines(
                    "--X", "X-Other: 1", "Content-Disposition: form-data;", " name=\"a%22b\"; filename*=UTF-8''x", "",
                    "1", "--X--"), [Part(name: "a%22b", text: "1")]
            ),
            (
                lines(
                    "--X", #"Content-Disposition: form-data; name="a"; filename="C:\b\ü.jpg""#,
                    "Content-Transfer-Encoding: Binary", "Content-Type: ", "", "1", "--X--"),
                [Part(name: "a", fileName: #"C:\b\ü.jpg"#, text: "1")]
            ),
            (lines("--X--"), []), (lines("", "--X--"), []),
        ] as [([UInt8], [Part])])
    func shapes(_ body: [UInt8], _ parts: [Part]) throws {
        #expect(try Self.parts(body) == parts)
        #expect(try Self.parts(body, cutAt: Array(1..<body.count)) == parts)
    }

    private static func head(_ lines: String...) -> [UInt8] {
        Array((["--X"] + lines + ["", "1", "--X--"]).joined(separator: "\r\n").utf8)
    }

    @Test(
        "that cannot be read is refused with the reason, however it is cut",
        arguments: [
            ([], .notMultipart), (lines("{}"), .notMultipart), (lines("--Y", "", "", "--Y--"), .notMultipart),
            ([UInt8](repeating: 0x61, count: 9000), .notMultipart),
            (Array(two.dropLast(8)), .cut), (Array(two.prefix(30)), .cut), (lines("--X"), .cut), (lines("--X-"), .cut),
            (lines("--X", "Content-Disposition: form-data; name=a", "", "1", "--Y--"), .cut),
            (lines("--X-a"), .invalidHead), (lines("--Xa"), .invalidHead), (Array("--X\n\n".utf8), .invalidHead),
            (head("no colon"), .invalidHead), (head("Content-Disposition: form-data; name=\"a"), .invalidHead),
            (head("Content-Disposition: form-data; name=a; name=b"), .invalidHead),
            (head("Content-Disposition: form-data; name=a", "Content-Disposition: form-data; name=b"), .invalidHead),
            (head("Content-Disposition: form-data"), .noName),
            (head("Content-Disposition: form-data; name=\"\""), .noName),
            (head("Content-Disposition: form-data; name=\"a\0\""), .noName), (head("A: b"), .noName),
            (head("Content-Disposition: attachment; name=a"), .noName), (head(), .noName),
            (head("Content-Disposition: form-data; name=a", "Content-Type: multipart/mixed; boundary=Y"), .nested),
            (
                head("Content-Disposition: form-data; name=a", "Content-Transfer-Encoding: base64"),
                .encoded("base64")
            ),
            (
                head("Content-Disposition: form-data; name=a", "Content-Transfer-Encoding: \u{1B}[2J\nbase64"),
                .encoded("?")
            ),
            (head("A: \(String(repeating: "b", count: 9000))"), .headTooLong(limit: 8192)),
            (
                lines("--X") + [UInt8](repeating: 0x20, count: 9000), .invalidHead
            ),
            (
                Array(
                    String(repeating: "--X\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n", count: 10_000).utf8),
                .tooManyParts(limit: 128)
            ),
        ] as [([UInt8], MultipartReader.Malformed)])
    func malformed(_ body: [UInt8], _ reason: MultipartReader.Malformed) {
        #expect(throws: reason) { try Self.parts(body) }
        if body.count < 1000 {
            #expect(throws: reason) { try Self.parts(body, cutAt: Array(1..<max(body.count, 1))) }
        }
    }

    @Test("has a longest head, which is the same in any pieces", arguments: [0, 1, 2, 3, 4, 5])
    func longestHead(_ extra: Int) throws {
        let start = Self.lines("--X", "Content-Disposition: form-data; name=a", "A: ")
        // The boundary's own line is not of the head.
        let filling = MultipartReader.Limits.headBytes - (start.count - 3) - 2 + extra
        let body = start + [UInt8](repeating: 0x62, count: filling) + Self.lines("", "", "1", "--X--")
        let cuts = [[], Array(1..<body.count), [body.count - 10], [body.count - 11], [body.count - 12]]
        let outcomes = Set(cuts.map { cuts in (try? Self.parts(body, cutAt: cuts)) != nil })
        #expect(outcomes.count == 1, "\(outcomes)")
    }

    @Test(
        "has the boundary that its content type says",
        arguments: [
            ("multipart/form-data", .noBoundary), ("multipart/form-data; boundary=", .noBoundary),
            ("multipart/form-data; boundary=\"\"", .noBoundary), ("", .noBoundary),
            ("multipart/form-data; boundary=\(String(repeating: "x", count: 71))", .invalidBoundary),
            ("multipart/form-data; boundary=\"x \"", .invalidBoundary),
            ("multipart/form-data; boundary=\"x\r\n\"", .invalidBoundary),
            ("multipart/form-data; boundary=\"ü\"", .invalidBoundary),
            ("multipart/form-data; boundary=X", nil), ("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"X\"", nil),
            ("multipart/form-data;boundary=X;", nil),
        ] as [(String, MultipartReader.Malformed?)])
    func boundary(_ contentType: String, _ reason: MultipartReader.Malformed?) throws {
        if let reason {
            #expect(throws: reason) { try MultipartReader(contentType: contentType) }
        } else {
            #expect(try Self.parts(Self.two, contentType: contentType) == Self.twoParts)
        }
    }

    @Test("of random bytes between boundaries brings the same bytes in any pieces")
    func random() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(state: seed)
        for _ in 0..<200 {
            // Bytes that boundaries are made of, so that many are nearly one.
            let content = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                "\r\n-X-a".utf8.randomElement(using: &generator) ?? 0
            }
            guard !(("\r\n" + String(decoding: content, as: UTF8.self)).contains("\r\n--X")) else { continue }
            let body =
                Self.lines("--X", "Content-Disposition: form-data; name=a", "", "") + content + Array("\r\n--X--".utf8)
            let cuts = (0..<3).map { _ in Int.random(in: 0...body.count, using: &generator) }.sorted()
            let parts = try Self.parts(body, cutAt: cuts)
            #expect(parts == [Part(name: "a", text: String(decoding: content, as: UTF8.self))], "seed \(seed)")
        }
    }
}
