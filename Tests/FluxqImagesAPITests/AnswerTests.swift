import FluxqModel
import FluxqTestSupport
import FluxqWords
import FoundationEssentials
import NIOCore
import Testing

@testable import FluxqImagesAPI

@Suite("An answer is read leniently, while it streams in", .timeLimit(.minutes(30)))
struct AnswerTests {
    private func call(
        _ body: String, album: Album = Album(), maxBytes: Int64 = 64 << 20
    ) async throws -> CallReport {
        let server = try await RawServer(.answer(body))
        return try await withScene(server, downloads: .init(maxBytes: maxBytes)) {
            await $0.generate(try request(), picture: nil, receiver: album)
        }
    }

    static let items: [(body: String, items: [AnswerItem], pictures: [Album.Page])] =
        [
            (#"{"data":[{"url":"https://h/a?x=a+b/c=%2F"}]}"#, [.init(link: "https://h/a?x=a+b/c=%2F")], []),
            (#"{"data":[{"url":"https:\/\/h\/a\u0026b"}]}"#, [.init(link: "https://h/a&b")], []),
            (#"{"data":[{"url":" https://h/a\n"}]}"#, [.init(link: "https://h/a")], []),
            (#"{"data":[{"url":"ftp://h"}]}"#, [.init(link: "ftp://h")], []),
            (#"{"data":[{"b64_json":"AAEC"}]}"#, [.init(inline: 0)], [.init(bytes: [0, 1, 2], isValid: true)]),
            (
                #"{"data":[{"b64_json":"data:image/JPEG;base64,AA\nE"}]}"#, [.init(inline: 0)],
                [.init(bytes: [0, 1], isValid: true)]
            ),
            // Either name may hold either kind.
            (
                #"{"data":[{"url":"data:image/png;base64,AAEC"}]}"#, [.init(inline: 0)],
                [.init(bytes: [0, 1, 2], isValid: true)]
            ),
            (#"{"data":[{"url":"AAEC"}]}"#, [.init(inline: 0)], [.init(bytes: [0, 1, 2], isValid: true)]),
            (#"{"data":[{"b64_json":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
            // Both kinds, and an empty one beside a full one.
            (
                #"{"data":[{"url":"https://h/a","b64_json":"AAEC"}]}"#, [.init(link: "https://h/a", inline: 0)],
                [.init(bytes: [0, 1, 2], isValid: true)]
            ),
            (#"{"data":[{"b64_json":"","url":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
            (
                #"{"data":[{"b64_json":"data:image/png;base64,","url":"https://h/a"}]}"#, [.init(link: "https://h/a")],
                []
            ),
            (
                #"{"data":[{"b64_json":null,"url":"https://h/a","extra":[1,{"x":2}]}]}"#, [.init(link: "https://h/a")],
                []
            ),
            // Several pictures, in order.
            (
                #"{"data":[{"b64_json":"AAEC"},{"url":"https://h/a"},{"b64_json":"BAUG"}]}"#,
                [.init(inline: 0), .init(link: "https://h/a"), .init(inline: 1)],
                [.init(bytes: [0, 1, 2], isValid: true), .init(bytes: [4, 5, 6], isValid: true)]
            ),
            // Errors beside pictures.
            (
                #"{"data":[{"error":{"code":"x","message":"no"}},{"error":"never"},{"url":"https://h/a"}]}"#,
                [.init(error: "x: no"), .init(error: "never"), .init(link: "https://h/a")], []
            ),
            // Text that a stricter reader would not accept as JSON.
            (
                #"{"usage":NaN,"big":1e999,"data":[{"b64_json":"AAEC"},{"url":"https://h/a"}]}"#,
                [.init(inline: 0), .init(link: "https://h/a")], [.init(bytes: [0, 1, 2], isValid: true)]
            ),
            ("\u{FEFF}" + #"{"data":[{"url":"https://h/a"}]}"#, [.init(link: "https://h/a")], []),
        ] + shapes + clothes

    private static let link = AnswerItem(link: "https://h/a")
    /// Looks like a picture by its first bytes.
    private static let gif: [UInt8] = Array("GIF89a and a picture".utf8)
    private static let gifText = Data(gif).base64EncodedString()
    private static let page = Album.Page(bytes: gif, isValid: true)

    private static let shapes: [(body: String, items: [AnswerItem], pictures: [Album.Page])] = [
        (#"{"data":{"url":"https://h/a"}}"#, [link], []), (#"{"data":"https://h/a"}"#, [link], []),
        (#"{"data":["https://h/a"]}"#, [link], []), (#"{"images":[{"url":"https://h/a","width":1}]}"#, [link], []),
        (#"{"images":["https://h/a","https://h/b"]}"#, [link, .init(link: "https://h/b")], []),
        (#"{"image":"https://h/a"}"#, [link], []), (#"{"image":{"url":"https://h/a"}}"#, [link], []),
        (#"{"image":"\#(gifText)"}"#, [.init(inline: 0)], [page]),
        (#"{"output":"https://h/a","status":"succeeded","urls":{"get":"https://h/x"}}"#, [link], []),
        (#"{"output":["https://h/a"],"input":{"prompt":"x"}}"#, [link], []),
        // A repetition of the request is no result.
        (#"{"input":{"image":"\#(gifText)"},"output":["https://h/a"]}"#, [link], []),
        // Another shape.
        (#"{"foo":{"bar":{"image":"\#(gifText)"}}}"#, [.init(inline: 0)], [page]),
        (#"{"output":["\#(gifText)"]}"#, [.init(inline: 0)], [page]),
        (#"{"output":{"image_url":"https://h/a"}}"#, [link], []),
        (#"{"result":{"sample":"https://h/a"},"status":"Ready"}"#, [link], []),
        (#"{"code":0,"data":{"images":[{"url":"https://h/a"}]}}"#, [link], []),
        (#"{"data":{"output":["https://h/a"]}}"#, [link], []),
        (#"{"data":{"image_urls":["https://h/a"]}}"#, [link], []),
        (#"{"artifacts":[{"base64":"\#(gifText)","seed":1,"finishReason":"SUCCESS"}]}"#, [.init(inline: 0)], [page]),
        (#"{"data":[{"image_url":{"url":"https://h/a"}}]}"#, [link], []),
        (#"{"data":[{"imageUrl":"https://h/a"}]}"#, [link], []),
        (#"{"data":[{"B64_JSON":"\#(gifText)"}]}"#, [.init(inline: 0)], [page]),
        (#"{"url":"https://h/a"}"#, [link], []),
        (#"{"b64_json":"AAEC"}"#, [.init(inline: 0)], [.init(bytes: [0, 1, 2], isValid: true)]),
        (#"[{"url":"https://h/a"}]"#, [link], []), (#"["https://h/a"]"#, [link], []), (#""https://h/a""#, [link], []),
        (
            #"{"choices":[{"message":{"content":"Here","images":[{"image_url":{"url":"data:image/gif;base64,\#(gifText)"}}]}}]}"#,
            [.init(inline: 0)], [page]
        ),
        (
            #"{"candidates":[{"content":{"parts":[{"text":"Here"},{"inlineData":{"mimeType":"image/gif","data":"\#(gifText)"}}]}}]}"#,
            [.init(inline: 0)], [page]
        ),
        (
            #"{"output":[{"type":"image_generation_call","status":"completed","result":"\#(gifText)"}]}"#,
            [.init(inline: 0)],
            [page]
        ),
        (#"{"predictions":[{"bytesBase64Encoded":"\#(gifText)","mimeType":"image/gif"}]}"#, [.init(inline: 0)], [page]),
        // Relative links; base64 of a JPEG begins with a slash.
        (#"{"data":[{"url":"/files/a.png?x=1"}]}"#, [.init(link: "BASE/files/a.png?x=1")], []),
        (#"{"data":[{"url":"//h:81/a.png"}]}"#, [.init(link: "http://h:81/a.png")], []),
        (#"{"data":[{"url":"files/a.png"}]}"#, [.init(link: "BASE/v1/files/a.png")], []),
        (#"{"data":[{"url":"../a.png"}]}"#, [.init(link: "BASE/a.png")], []),
        (#"{"images":["/files/a.png"]}"#, [.init(link: "BASE/files/a.png")], []),
        (
            #"{"data":[{"url":"/9j/4AAQ"}]}"#, [.init(inline: 0)],
            [.init(bytes: [0xFF, 0xD8, 0xFF, 0xE0, 0, 0x10], isValid: true)]
        ),
        // Links keep their bytes, whatever they are.
        (#"{"data":[{"url":"https://h/a b|c{d}\u00e9?x=[1]"}]}"#, [.init(link: "https://h/a b|c{d}\u{E9}?x=[1]")], []),
    ]

    private static let clothes: [(body: String, items: [AnswerItem], pictures: [Album.Page])] = [
        (String(repeating: " \r\n", count: 3000) + #"{"data":[{"url":"https://h/a"}]}"#, [link], []),
        ("\u{FEFF} \u{FEFF}\r\n" + #"{"data":[{"url":"https://h/a"}]}"#, [link], []),
        (#"{"data":[{"url":"https://h/a"}]}"# + "\n<!-- gateway -->", [link], []),
        // Names that fold to one: the useful value counts, whatever the order.
        (#"{"data":[{"image_url":null,"imageUrl":"https://h/a","IMAGE_URL":""}]}"#, [link], []),
        (#"{"data":null,"Data":[{"url":"https://h/a"}]}"#, [link], []),
        ("Notice: x in /srv/y.php {line 7}\n" + #"{"data":[{"url":"https://h/a"}]}"#, [link], []),
        (
            #"{"data":[{"url":"https://h/a"}]}"# + "\n" + #"{"data":[{"url":"https://h/b"}]}"# + "\n",
            [link, .init(link: "https://h/b")], []
        ),
        (#"data: {"data":[{"url":"https://h/a"}]}"# + "\n\ndata: [DONE]\n\n", [link], []),
        // A line between events whose first key could be the name of a field.
        (": wait\n\n" + #"{"data":[{"url":"https://h/a"}]}"# + "\n\ndata: [DONE]\n\n", [link], []),
        (
            ": hello\r\n\r\nevent: message\r\ndata:{\"data\":\r\ndata: [{\"url\":\r\ndata: \"https://h/a\"}]}\r\n\r\n",
            [link], []
        ),
        (
            "event: image_generation.partial_image\n"
                + #"data: {"type":"image_generation.partial_image","b64_json":"AAAA","partial_image_index":0}"#
                + "\n\nevent: image_generation.completed\n"
                + #"data: {"type":"image_generation.completed","b64_json":"AAEC","usage":{"total_tokens":1}}"# + "\n\n",
            [.init(inline: 1)], [.init(bytes: [0, 0, 0], isValid: true), .init(bytes: [0, 1, 2], isValid: true)]
        ),
        (
            #"data: {"type":"image_generation.partial_succeeded","url":"https://h/a"}"# + "\n\n"
                + #"data: {"type":"image_generation.partial_failed","error":{"code":"x","message":"no"}}"# + "\n\n"
                + #"data: {"type":"image_generation.completed","usage":{}}"# + "\n\ndata: [DONE]\n\n",
            [link, .init(error: "x: no")], []
        ),
        ("https://h/a\n", [link], []), ("data:image/gif;base64,\(gifText)", [.init(inline: 0)], [page]),
        (gifText, [.init(inline: 0)], [page]), (String(decoding: gif, as: UTF8.self), [.init(inline: 0)], [page]),
    ]

    @Test("each item gives its link, its picture or its error", arguments: items)
    func reads(body: String, items: [AnswerItem], pictures: [Album.Page]) async throws {
        let album = Album()
        let server = try await RawServer(.answer(200, body))
        let report = try await withScene(server) {
            await $0.generate(try request(), picture: nil, receiver: album)
        }
        guard case .answered(let answer) = report.outcome else {
            Issue.record("\(report.outcome)")
            return
        }
        let expected = items.map { item in
            var item = item
            item.link = item.link?.replacing("BASE", with: "http://127.0.0.1:\(server.port)")
            return item
        }
        #expect(answer.items == expected)
        #expect(answer.defect == nil)
        #expect(album.pages == pictures)
    }

    @Test(
        "text in place of a picture is not a picture",
        arguments: [
            #"{"result":"success"}"#, #"{"data":"ok"}"#, #"{"output":"Here is your picture"}"#, #"{"image":"pending"}"#,
            #"{"result":"error: no such thing"}"#, #"{"choices":[{"message":{"content":"I cannot do that"}}]}"#,
            #"{"data":"/v1/images/generations"}"#,
            #"{"input":{"image":"data:image/gif;base64,\#(gifText)","url":"https://h/a"},"output":null}"#,
        ])
    func texts(body: String) async throws {
        #expect(try await call(body).outcome.row == "noImage")
    }

    @Test("an answer's error is read, even if there is text in place of a picture")
    func textBesideError() async throws {
        let report = try await call(#"{"code":401,"message":"no","data":"unauthorized","result":"x"}"#)
        #expect(report.outcome.row == "accountClosed")
        #expect(report.outcome.message == "no")
    }

    private static let taken = [
        #"{"error":{"code":"x","message":"https://h/why"}}"#: "https://h/why",
        #"{"error":{"code":"x","message":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}}"#: "(a picture)",
        #"{"error":{"code":"x","message":"short"#: "(not a whole picture or link)",
        #"{"data":[{"error":{"message":"https://h/why"}}]}"#: "https://h/why",
        #"{"usage":{"url":"https://h/why"}}"#: #"{"url":"https://h/why"}"#,
    ]

    @Test("strings removed from an error or the usage appear there as words, in one or many pieces", arguments: taken)
    func takenOut(_ body: String, _ message: String) async throws {
        for size in [1, 7, 1000] {
            var reader = AnswerReader(receiver: Album(), maxPictureBytes: 1000)
            var rest = Array(body.utf8)[...]
            while !rest.isEmpty {
                try await reader.read(ByteBuffer(bytes: rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            try await reader.finish(isBrokenOff: false)
            var reply = Reply(status: 200)
            reply.read(reader, redactor: Redactor(hiding: [try APIKey(secret)]), base: nil, trouble: nil)
            #expect((reply.error?.message ?? reply.itemErrors.first?.message ?? reply.answer?.usage) == message)
        }
    }

    @Test("wherever an answer is cut, its whole parts are kept: half a link is dropped, half a picture is damaged")
    func cutEverywhere() async throws {
        let picture = Data((0..<90).map { UInt8($0) }).base64EncodedString()
        let body =
            #"{"created":1,"data":[{"b64_json":"\#(picture)"},{"url":"https://h/a","x":1},{"b64_json":"\#(picture)"}]}"#
        let ends = [
            body.firstRange(of: "\"},{\"url\"")?.upperBound, body.firstRange(of: "\",\"x\"")?.upperBound,
            body.firstRange(of: "\"}]}")?.upperBound,
        ]
        let wholes = try ends.map { body.utf8.distance(from: body.startIndex, to: try #require($0)) }
        for length in stride(from: 1, to: body.utf8.count, by: 3) {
            var reader = AnswerReader(receiver: Album(), maxPictureBytes: 1000)
            try await reader.read(ByteBuffer(bytes: body.utf8.prefix(length)))
            try await reader.finish(isBrokenOff: true)
            var reply = Reply(status: 200)
            reply.read(reader, redactor: Redactor(hiding: [try APIKey(secret)]), base: nil, trouble: "x")
            let came = [wholes[0] - 8, wholes[1] - 4, wholes[2] - 3].count { $0 <= length }
            #expect(reply.isAnswered == (came > 0), "\(body.prefix(length))")
            #expect(
                reply.answer?.items.count { $0.error == nil && $0 != AnswerItem() } == came, "\(body.prefix(length))")
            #expect(reply.answer?.defect == "x")
        }
    }

    @Test("text that is not base64 is no picture, and does not affect its own link or the next picture")
    func noBase64() async throws {
        let album = Album()
        let body = #"{"data":[{"b64_json":"AAEC****","url":"https://h/a"},{"b64_json":"BAUG"}]}"#
        let items = try await call(body, album: album).outcome.answer?.items
        #expect(
            items?.first
                == .init(
                    link: "https://h/a",
                    error: "The data in the picture's place is not a picture: it is not base64, and begins: AAEC****."))
        #expect(items?.last?.inline == 0)
        #expect(album.pages == [Album.Page(bytes: [4, 5, 6], isValid: true)])
    }

    @Test("a picture with one wrong letter is kept as damaged, with every other byte in its place")
    func wrongLetter() async throws {
        let album = Album()
        let bytes = (0..<Int64(3000)).map(PatternSource.byte)
        var text = Array(Data(bytes).base64EncodedString().utf8)
        text[400] = UInt8(ascii: "*")
        let report = try await call(
            #"{"data":[{"b64_json":"\#(String(decoding: text, as: UTF8.self))"},{"b64_json":"BAUG"}]}"#, album: album)
        let items = try #require(report.outcome.answer?.items)
        #expect(items.map(\.inline) == [0, 1])
        #expect(items[0].error?.contains("broken after 300 bytes") == true)
        #expect(album.pages.map(\.isValid) == [false, true])
        #expect(zip(album.pages[0].bytes, bytes).count { $0 != $1 } <= 1)
        #expect(album.pages[0].bytes.count == bytes.count)
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

    @Test("an answer without pictures is kept for a person to read")
    func excerpt() async throws {
        #expect(try await call("Busy").outcome.answer?.excerpt == "Busy")
        #expect(try await call("<html><body>Busy</body></html>").excerpt == "<html><body>Busy</body></html>")
        let task = #"{"id":"x","status":"queued"}"#
        #expect(try await call(task).excerpt == task)
        let broken = try await call(#"{"data":[{"b64_json":"A*"}],"note":"x"}"#)
        #expect(
            broken.outcome.answer?.excerpt
                == #"{"data":[{"b64_json":"(not a picture: it is not base64, and begins: A*)"}],"note":"x"}"#)
        #expect(broken.outcome.answer?.items.count == 1)
    }

    @Test("a picture over downloads.max_bytes is cut at the limit and kept as damaged, and the next one is whole")
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
        #expect(album.pages.count == CaptureReader.Limits.pictures)
        #expect(report.outcome.answer?.items.count == Reply.Limits.items)
    }

    @Test("a picture that cannot be stored leaves the outcome unknown, with a message that it was probably billed")
    func notStored() async throws {
        let report = try await call(#"{"data":[{"b64_json":"AAECAwQF"}]}"#, album: Album(room: 3))
        #expect(report.outcome.row == "unknown")
        #expect(report.outcome.message.contains("could not be stored"))
        #expect(report.outcome.message.contains("billed"))
    }

    @Test("a picture cut by the end of the answer is invalid, and earlier pictures are kept")
    func brokenOff() async throws {
        let album = Album()
        let beginning = #"{"data":[{"b64_json":"AAEC"},{"b64_json":"\#(String(repeating: "A", count: 64))"#
        let server = try await RawServer(.raw("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n\(beginning)"))
        let report = try await withScene(server) {
            await $0.generate(try request(), picture: nil, receiver: album)
        }
        #expect(report.outcome.row == "answered")
        #expect(report.outcome.answer?.items.map(\.inline) == [0, 1])
        #expect(report.outcome.answer?.defect?.phrase.isEmpty == false)
        #expect(album.pages.map(\.isValid) == [true, false])
    }

    @Test("received pictures are kept if the call times out or is canceled", arguments: [true, false])
    func stalled(isCanceled: Bool) async throws {
        // More than is gathered before it is read, so that the test can see it arrive.
        let much = String(repeating: "A", count: isCanceled ? 200_000 : 2000)
        let body = #"{"data":[{"url":"https://h/a"},{"b64_json":"\#(much)"},{"b64_json":"\#(much)"#
        let server = try await RawServer(
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n\(body)", then: .stall))
        let album = Album()
        let report = try await withScene(server, timeout: isCanceled ? .seconds(300) : .seconds(10)) { client in
            let call = Task { await client.generate(try request(), picture: nil, receiver: album) }
            if isCanceled {
                for await ordinal in album.begins where ordinal == 1 { break }
                call.cancel()
            }
            return try await call.value
        }
        let answer = try #require(report.outcome.answer)
        #expect(answer.items.map(\.link) == ["https://h/a", nil, nil])
        #expect(answer.items.map(\.inline) == [nil, 0, 1])
        #expect(
            answer.defect?.phrase
                == (isCanceled
                    ? "the call was canceled"
                    : "no complete answer arrived within 10 "
                        + "seconds"))
        #expect(album.pages.map(\.isValid) == [true, false])
        #expect(album.pages[0].bytes.count == much.count / 4 * 3)
    }

    @Test("large pictures arrive whole, in pieces")
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
