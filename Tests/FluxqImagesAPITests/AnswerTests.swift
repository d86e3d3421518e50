import FluxqModel
import FoundationEssentials
import NIOCore
import Testing

@testable import FluxqImagesAPI

@Suite("An answer is read leniently, while it streams in", .timeLimit(.minutes(2)))
struct AnswerTests {
    private func call(
        _ body: String, album: Album = Album(), maxBytes: Int64 = 64 << 20
    ) async throws -> CallReport {
        let server = try await RawServer(.answer(body))
        return try await withScene(server, downloads: .init(maxBytes: maxBytes)) {
            await $0.generate(try request(), picture: nil, receiver: album)
        }
    }

    static let items: [(body: String, items: [AnswerItem], pictures: [Album.Page])] = [
        (#"{"data":[{"url":"https://h/a?x=a+b/c=%2F"}]}"#, [.init(link: "https://h/a?x=a+b/c=%2F")], []),
        (#"{"data":[{"url":"https:\/\/h\/a\u0026b"}]}"#, [.init(link: "https://h/a&b")], []),
        (#"{"data":[{"url":" https://h/a\n"}]}"#, [.init(link: "https://h/a")], []),
        (#"{"data":[{"url":"ftp://h"}]}"#, [.init(link: "ftp://h")], []),
        (#"{"data":[{"b64_json":"AAEC"}]}"#, [.init(inline: 0)], [.init(bytes: [0, 1, 2], isValid: true)]),
        (
            #"{"data":[{"b64_json":"data:image/JPEG;base64,AA\nE"}]}"#, [.init(inline: 0)],
            [.init(bytes: [0, 1], isValid: true)]
        ),
        // Either may hold either.
        (
            #"{"data":[{"url":"data:image/png;base64,AAEC"}]}"#, [.init(inline: 0)],
            [.init(bytes: [0, 1, 2], isValid: true)]
        ),
        (#"{"data":[{"url":"AAEC"}]}"#, [.init(inline: 0)], [.init(bytes: [0, 1, 2], isValid: true)]),
        (#"{"data":[{"b64_json":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
        // Both, and an empty one beside a full one.
        (
            #"{"data":[{"url":"https://h/a","b64_json":"AAEC"}]}"#, [.init(link: "https://h/a", inline: 0)],
            [.init(bytes: [0, 1, 2], isValid: true)]
        ),
        (#"{"data":[{"b64_json":"","url":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
        (#"{"data":[{"b64_json":"data:image/png;base64,","url":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
        (#"{"data":[{"b64_json":null,"url":"https://h/a","extra":[1,{"x":2}]}]}"#, [.init(link: "https://h/a")], []),
        // Several, in their order.
        (
            #"{"data":[{"b64_json":"AAEC"},{"url":"https://h/a"},{"b64_json":"BAUG"}]}"#,
            [.init(inline: 0), .init(link: "https://h/a"), .init(inline: 1)],
            [.init(bytes: [0, 1, 2], isValid: true), .init(bytes: [4, 5, 6], isValid: true)]
        ),
        // Errors beside good ones.
        (
            #"{"data":[{"error":{"code":"x","message":"no"}},{"error":"never"},{"url":"https://h/a"}]}"#,
            [.init(error: "x: no"), .init(error: "never"), .init(link: "https://h/a")], []
        ),
        // What is not JSON for a stricter reader.
        (
            #"{"usage":NaN,"big":1e999,"data":[{"b64_json":"AAEC"},{"url":"https://h/a"}]}"#,
            [.init(inline: 0), .init(link: "https://h/a")], [.init(bytes: [0, 1, 2], isValid: true)]
        ),
        ("\u{FEFF}" + #"{"data":[{"url":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
    ]

    @Test("each item gives its link, its picture or its error", arguments: items)
    func reads(body: String, items: [AnswerItem], pictures: [Album.Page]) async throws {
        let album = Album()
        let report = try await call(body, album: album)
        guard case .answered(let answer) = report.outcome else {
            Issue.record("\(report.outcome)")
            return
        }
        #expect(answer.items == items)
        #expect(album.pages == pictures)
    }

    @Test("broken base64 is no picture, and leaves its own link and the next picture alone")
    func brokenBase64() async throws {
        let album = Album()
        let body = #"{"data":[{"b64_json":"AAEC****","url":"https://h/a"},{"b64_json":"BAUG"}]}"#
        let items = try await call(body, album: album).outcome.answer?.items
        #expect(
            items?.first
                == .init(
                    link: "https://h/a", error: "What b64_json holds is not a picture: its base64 is broken."))
        // A beginning of the broken one may have been taken or not, by how the answer was cut on its way.
        let inline = try #require(items?.last?.inline)
        #expect(album.pages[inline] == Album.Page(bytes: [4, 5, 6], isValid: true))
        #expect(album.pages.filter { $0.isValid == true }.count == 1)
    }

    @Test(
        "created is a number, a text or missing",
        arguments: [
            ("1750667997", 1_750_667_997_000), ("\"1750667997\"", 1_750_667_997_000),
            ("1750667997.5", 1_750_667_997_000),
            ("1750667997123", 1_750_667_997_123), ("null", nil), ("\"yesterday\"", nil), ("0", nil), ("-5", nil),
            ("1e300", nil), ("{}", nil),
        ] as [(String, Int64?)])
    func created(text: String, expected: Int64?) async throws {
        let report = try await call(#"{"created":\#(text),"data":[{"url":"https://h/a"}]}"#)
        #expect(report.outcome.answer?.created == expected.map(Timestamp.init(rawValue:)))
    }

    @Test("usage is kept as JSON text, whatever it holds")
    func usage() async throws {
        let full = try await call(#"{"data":[{"url":"https://h/a"}],"usage":{"b":1,"a":{"x":"y/z"}}}"#)
        #expect(full.outcome.answer?.usage == #"{"a":{"x":"y/z"},"b":1}"#)
        let empty = try await call(#"{"data":[{"url":"https://h/a"}],"usage":{}}"#)
        #expect(empty.outcome.answer?.usage == "{}")
        let none = try await call(#"{"data":[{"url":"https://h/a"}],"usage":null}"#)
        #expect(none.outcome.answer?.usage == nil)
    }

    @Test("an answer without pictures is kept for a person to look at")
    func excerpt() async throws {
        let page = "<html><body>Busy</body></html>"
        #expect(try await call(page).outcome.answer?.excerpt == page)
        let broken = try await call(#"{"data":[{"b64_json":"A*"}],"note":"x"}"#)
        #expect(
            broken.outcome.answer?.excerpt
                == #"{"data":[{"b64_json":"(not a picture: its base64 is broken)"}],"note":"x"}"#)
        #expect(broken.outcome.answer?.items.count == 1)
    }

    @Test("a picture over downloads.max_bytes is no picture, and the next one is")
    func tooLarge() async throws {
        let album = Album()
        let report = try await call(
            #"{"data":[{"b64_json":"AAECAwQF"},{"b64_json":"AAECAw=="}]}"#, album: album, maxBytes: 4)
        #expect(report.outcome.answer?.items[0].error?.contains("downloads.max_bytes") == true)
        #expect(report.outcome.answer?.items[1] == AnswerItem(inline: album.pages.count - 1))
        #expect(album.pages.last == Album.Page(bytes: [0, 1, 2, 3], isValid: true))
        #expect(album.pages.allSatisfy { $0.bytes.count <= 4 })
    }

    @Test("a flood of pictures is cut off")
    func tooMany() async throws {
        let album = Album()
        let items = Array(repeating: #"{"b64_json":"AAEC"}"#, count: 1000).joined(separator: ",")
        let report = try await call(#"{"data":[\#(items)]}"#, album: album)
        #expect(album.pages.count == AnswerReader.Limits.captures)
        #expect(report.outcome.answer?.items.count == Reply.Limits.items)
    }

    @Test("a picture that cannot be stored leaves the outcome unknown and says that it was probably billed")
    func notStored() async throws {
        let report = try await call(#"{"data":[{"b64_json":"AAECAwQF"}]}"#, album: Album(room: 3))
        #expect(report.outcome.row == "unknown")
        #expect(report.outcome.message.contains("could not be stored"))
        #expect(report.outcome.message.contains("billed"))
    }

    @Test("a picture under way when the answer breaks off is ended as invalid")
    func brokenOff() async throws {
        let album = Album()
        let beginning = #"{"data":[{"b64_json":"AAEC"},{"b64_json":"\#(String(repeating: "A", count: 64))"#
        let server = try await RawServer(.raw("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n\(beginning)"))
        let report = try await withScene(server) {
            await $0.generate(try request(), picture: nil, receiver: album)
        }
        #expect(report.outcome.row == "unknown")
        #expect(album.pages.map(\.isValid) == [true, false])
    }

    @Test("large pictures come through whole, in pieces")
    func large() async throws {
        let album = Album()
        let bytes = (0..<Int64(3_000_001)).map(PatternSource.byte)
        let base64 = Data(bytes).base64EncodedString()
        // Every slash escaped, as some servers do.
        let escaped = base64.replacing("/", with: "\\/")
        let report = try await call(#"{"data":[{"b64_json":"\#(base64)"},{"b64_json":"\#(escaped)"}]}"#, album: album)
        #expect(report.outcome.answer?.items == [AnswerItem(inline: 0), AnswerItem(inline: 1)])
        #expect(album.pages == [Album.Page(bytes: bytes, isValid: true), Album.Page(bytes: bytes, isValid: true)])
    }
}
