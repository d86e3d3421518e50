import FluxqModel
import FluxqTestSupport
import Foundation

/// One way in which an API, or the host of a link, can misbehave, and the result for the job.
struct BadInputRow: Sendable, CustomStringConvertible {
    typealias Serve = @Sendable (ScriptedPeer) throws -> Void

    /// The model of the job, and the path of its link.
    let name: String
    /// Serves the answer to a call or a link. The request has been read, except for `answered-unread`.
    let serve: Serve
    var isLink = false
    var input = SamplePictures.png.bytes

    let state: JobState
    var reason: FailureReason?
    let call: CallOutcome.Kind
    var images = 0
    /// A part of the message for people: of the job, or of its lost picture.
    var says = ""

    var description: String { name }

    private static func failed(
        _ name: String, _ reason: FailureReason, _ call: CallOutcome.Kind, says: String = "", images: Int = 0,
        _ serve: @escaping Serve
    ) -> BadInputRow {
        BadInputRow(name: name, serve: serve, state: .failed, reason: reason, call: call, images: images, says: says)
    }

    private static func unknown(_ name: String, says: String = "", _ serve: @escaping Serve) -> BadInputRow {
        .failed(name, .outcomeUnknown, .unknown, says: says, serve)
    }

    private static func done(_ name: String, _ serve: @escaping Serve) -> BadInputRow {
        BadInputRow(name: name, serve: serve, state: .done, call: .answered, images: 1)
    }

    private static func lost(_ name: String, says: String, _ serve: @escaping Serve) -> BadInputRow {
        var row = failed(name, .linkLost, .answered, says: says, serve)
        row.isLink = true
        return row
    }

    /// Complete, but not a picture: kept for its owner.
    private static func kept(_ name: String, says: String, _ serve: @escaping Serve) -> BadInputRow {
        var row = failed(name, .noImage, .answered, says: says, serve)
        row.isLink = true
        row.images = 1
        return row
    }

    private static func fetched(_ name: String, says: String = "", _ serve: @escaping Serve) -> BadInputRow {
        var row = done(name, serve)
        row.isLink = true
        row.says = says
        return row
    }
}

extension ScriptedPeer {
    /// Sends the same text repeatedly, up to that many bytes.
    func flood(_ text: String, bytes: Int = .max) throws {
        let piece = Array(String(repeating: text, count: max(65_536 / text.utf8.count, 1)).utf8)
        var left = bytes
        while left > 0 {
            try send(Array(piece.prefix(left)))
            left -= piece.count
        }
    }

    /// Sends one byte a second, without end.
    func drip(_ byte: String) throws {
        while true {
            try send(byte)
            try pause(seconds: 1)
        }
    }

    func answer(_ bytes: [UInt8], head: String = "HTTP/1.1 200 OK") throws {
        try send("\(head)\r\nContent-Length: \(bytes.count)\r\n\r\n")
        try send(bytes)
    }
}

extension BadInputRow {
    static let all = floods + framing + json + messages + protocols + claims + links

    private static let head = "HTTP/1.1 200 OK\r\n"
    private static let tenGigabytes = 10_000_000_000
    private static let picture = Data(SamplePictures.png.bytes).base64EncodedString()
    private static let good = #"{"created":1,"data":[{"b64_json":"\#(picture)"}]}"#

    /// PNG's first chunk claims that many pixels in each direction, with the right checksum.
    private static let hugePNG: [UInt8] = {
        var bytes = SamplePictures.png.bytes
        bytes.replaceSubrange(16..<24, with: [0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF])
        bytes.replaceSubrange(29..<33, with: [0x39, 0x67, 0x4E, 0x07])
        return bytes
    }()

    /// A JPEG whose frame claims 65,535 × 65,535.
    private static let hugeJPEG: [UInt8] = {
        var bytes = SamplePictures.jpeg.bytes
        guard let frame = bytes.firstRange(of: [0xFF, 0xC0]) else { return bytes }
        bytes.replaceSubrange(frame.lowerBound + 5..<frame.lowerBound + 9, with: [0xFF, 0xFF, 0xFF, 0xFF])
        return bytes
    }()

    private static let floods: [BadInputRow] = [
        // The part that fits into downloads.max_bytes is kept for a person.
        .failed("ten-gigabytes-in-a-picture", .noImage, .answered, images: 1) {
            try $0.send("\(head)Content-Length: \(tenGigabytes)\r\n\r\n{\"data\":[{\"b64_json\":\"")
            try $0.flood("AAAA", bytes: tenGigabytes)
        },
        .failed("ten-gigabytes-of-space", .noImage, .noImage) {
            try $0.send("\(head)Content-Length: \(tenGigabytes)\r\n\r\n")
            try $0.flood(" ", bytes: tenGigabytes)
        },
        .failed("endless-chunks", .noImage, .noImage) {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\n")
            try $0.flood("64\r\n\(String(repeating: "x", count: 100))\r\n")
        },
        .failed("endless-without-length", .noImage, .noImage) {
            try $0.send("\(head)\r\n{\"data\":[")
            try $0.flood("{},")
        },
        .unknown("endless-500", says: "is longer than") {
            try $0.send("HTTP/1.1 500 No\r\n\r\n")
            try $0.flood("x")
        },
        .failed("endless-400", .rejected, .rejected, says: "is longer than") {
            try $0.send("HTTP/1.1 400 No\r\n\r\n")
            try $0.flood("x")
        },
        .unknown("one-byte-a-second", says: "no complete answer arrived within 10 seconds") {
            try $0.send("\(head)Content-Length: 1000\r\n\r\n")
            try $0.drip(" ")
        },
        .unknown("one-byte-a-second-of-head", says: "no complete answer arrived within 10 seconds") {
            try $0.send("\(head)X-Slow: ")
            try $0.drip("a")
        },
        .unknown("headers-without-end") {
            try $0.send(head)
            try $0.flood("X-Flood: \(String(repeating: "a", count: 1000))\r\n")
        },
        .unknown("tiny-headers-without-end") {
            try $0.send(head)
            try $0.flood("a:\r\n")
        },
        .unknown("a-header-line-without-end") {
            try $0.send("\(head)X-Flood: ")
            try $0.flood("a")
        },
        .unknown("a-header-name-without-end") {
            try $0.send(head)
            try $0.flood("a")
        },
        .unknown("a-status-line-without-end") {
            try $0.send("HTTP/1.1 200 ")
            try $0.flood("a")
        },
        .unknown("trailers-without-end") {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
            try $0.flood("X-Flood: a\r\n")
        },
        .unknown("a-chunk-extension-without-end") {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\n2;x=")
            try $0.flood("a")
        },
        .failed("nothing-but-zeros-said-to-be-gzip", .noImage, .noImage) {
            try $0.send("\(head)Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
            try $0.flood("10000\r\n\(String(repeating: "\u{0}", count: 65_536))\r\n")
        },
        // A few hundred kilobytes that expand to 40 MB.
        .failed("gzip-bomb", .noImage, .answered, images: 1) {
            try $0.answer(try gzipBomb.get(), head: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip")
        },
        .failed("gzip-bomb-in-gzip", .noImage, .answered, images: 1) {
            try $0.answer(try gzip(gzipBomb.get()), head: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip")
        },
    ]

    private static let gzipBomb = Result {
        try gzip(Array(#"{"data":[{"b64_json":"iVBORw0KGgo"#.utf8) + [UInt8](repeating: 0x41, count: 40_000_000))
    }

    private static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data(bytes).write(to: file)
        defer { unlink(file.path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["--stdout", "--fast", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let compressed = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Array(compressed)
    }

    private static let framing: [BadInputRow] = [
        // Its JSON is complete.
        .done("longer-content-length") {
            try $0.send("\(head)Content-Length: \(good.utf8.count + 9)\r\n\r\n\(good)")
        },
        .failed("shorter-content-length", .noImage, .noImage) {
            try $0.send("\(head)Content-Length: 20\r\n\r\n\(good)")
        },
        .unknown("two-content-lengths") {
            try $0.send("\(head)Content-Length: \(good.utf8.count)\r\nContent-Length: 5\r\n\r\n\(good)")
        },
        .unknown("a-negative-content-length") { try $0.send("\(head)Content-Length: -1\r\n\r\n\(good)") },
        .unknown("an-absurd-content-length") {
            try $0.send("\(head)Content-Length: 99999999999999999999999\r\n\r\n\(good)")
        },
        .unknown("a-content-length-in-words") { try $0.send("\(head)Content-Length: many\r\n\r\n\(good)") },
        .unknown("both-length-and-chunks") {
            try $0.send("\(head)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        },
        .unknown("a-chunk-size-in-words") {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
        },
        .unknown("a-chunk-size-too-small") {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n")
        },
        .unknown("a-chunk-size-too-large") {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\nff\r\n{}\r\n0\r\n\r\n")
        },
        .unknown("an-absurd-chunk-size") {
            try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n")
        },
    ]

    private static let json: [BadInputRow] = [
        .failed("deep-nesting", .noImage, .noImage) {
            try $0.answer(Array((#"{"data":"# + String(repeating: "[", count: 500_000)).utf8))
        },
        .failed("deep-nesting-to-its-end", .noImage, .noImage) {
            let (open, shut) = (String(repeating: "[", count: 100_000), String(repeating: "]", count: 100_000))
            try $0.answer(Array(#"{"data":\#(open)\#(shut)}"#.utf8))
        },
        .done("deep-usage") {
            let (open, shut) = (String(repeating: "[", count: 500), String(repeating: "]", count: 500))
            try $0.answer(Array(#"{"usage":\#(open)\#(shut),"data":[{"b64_json":"\#(picture)"}]}"#.utf8))
        },
        .failed("a-million-items", .noImage, .noImage) {
            try $0.answer(Array(#"{"data":[\#(String(repeating: "{},", count: 1_000_000)){}]}"#.utf8))
        },
        .failed("a-third-of-a-million-items", .noImage, .noImage) {
            try $0.answer(Array(#"{"data":[\#(String(repeating: "{},", count: 340_000)){}]}"#.utf8))
        },
        .failed("a-hundred-thousand-keys", .noImage, .noImage) {
            try $0.answer(Array("{\((0..<90_000).map { "\"\($0)\":1" }.joined(separator: ","))}".utf8))
        },
        .failed("many-items-in-an-error", .rejected, .rejected) {
            try $0.answer(
                Array(#"{"error":[\#(String(repeating: "{},", count: 80_000)){}]}"#.utf8), head: "HTTP/1.1 400 No")
        },
        .failed("a-huge-number", .noImage, .noImage) {
            try $0.answer(Array(#"{"created":\#(String(repeating: "9", count: 500_000)),"data":[]}"#.utf8))
        },
    ]

    private static let escapes = "\u{1B}[2J\u{1B}]0;owned\u{7}\u{9B}31m\u{202E}evil\u{0}\u{8}\r"

    private static let messages: [BadInputRow] = [
        .failed("a-huge-message", .rejected, .rejected) {
            try $0.answer(
                Array(#"{"error":{"message":"\#(String(repeating: "long ", count: 40_000))"}}"#.utf8),
                head: "HTTP/1.1 400 No")
        },
        .failed("a-message-of-megabytes", .rejected, .rejected) {
            try $0.answer(
                Array(#"{"error":{"message":"\#(String(repeating: "long ", count: 400_000))"}}"#.utf8),
                head: "HTTP/1.1 400 No")
        },
        .failed("escapes-in-json", .rejected, .rejected, says: "evil") {
            let text = #"\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eevil\u0000\b\r"#
            try $0.answer(
                Array(#"{"error":{"message":"\#(text)","code":"\#(text)","type":"\#(text)","param":"\#(text)"}}"#.utf8),
                head: "HTTP/1.1 400 No")
        },
        .failed("escapes-in-a-page", .rejected, .rejected, says: "evil") {
            try $0.answer(Array("<p>\(escapes)</p>".utf8), head: "HTTP/1.1 400 No")
        },
        .failed("escapes-in-an-answer", .noImage, .noImage) { try $0.answer(Array(escapes.utf8)) },
        .done("escapes-beside-a-picture") {
            let text = #"\u001b[2J\u009b31m\u202e"#
            try $0.answer(
                Array(#"{"usage":{"\#(text)":"\#(text)"},"data":[{"b64_json":"\#(picture)"}]}"#.utf8))
        },
        .failed("escapes-in-an-item", .noImage, .noImage, says: "evil") {
            try $0.answer(Array(#"{"data":[{"error":{"message":"\u001b[2Jevil\u0000"}}]}"#.utf8))
        },
        .failed("invalid-utf8-in-json", .rejected, .rejected, says: "no") {
            try $0.answer(
                Array(#"{"error":{"message":"no"#.utf8) + [0xFF, 0xC0, 0x80, 0xED, 0xA0, 0x80] + Array(#""}}"#.utf8),
                head: "HTTP/1.1 400 No")
        },
        .failed("invalid-utf8-in-an-answer", .noImage, .noImage) { try $0.answer([0xFF, 0xFE, 0x80, 0xC0]) },
        .failed("nul-bytes", .noImage, .noImage) { try $0.answer([UInt8](repeating: 0, count: 1000)) },
        .unknown("controls-in-a-header") {
            try $0.answer(Array(good.utf8), head: "\(head)X-Request-Id: a\u{0}\u{1B}[2Jb")
        },
    ]

    private static let protocols: [BadInputRow] = [
        .done("http-1.0") { try $0.send("HTTP/1.0 200 OK\r\n\r\n\(good)") },
        .done("100-continue") {
            try $0.send("HTTP/1.1 100 Continue\r\n\r\n")
            try $0.answer(Array(good.utf8))
        },
        .done("early-hints") {
            try $0.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            try $0.answer(Array(good.utf8))
        },
        .unknown("1xx-without-end", says: "no complete answer arrived within 10 seconds") {
            try $0.flood("HTTP/1.1 102 Processing\r\n\r\n")
        },
        .unknown("101-switching") {
            try $0.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        },
        .unknown("another-protocol") { try $0.send("SSH-2.0-OpenSSH_9.2\r\n") },
        .unknown("another-version") { try $0.answer(Array(good.utf8), head: "HTTP/9.9 200 OK") },
        .unknown("nothing-but-line-ends") { try $0.flood("\r\n") },
        BadInputRow(
            name: "answered-unread",
            serve: {
                try $0.answer(Array("<h1>Request Entity Too Large</h1>".utf8), head: "HTTP/1.1 413 Too Large")
                try $0.pause(seconds: 60)
            }, input: SamplePictures.jpeg.bytes + [UInt8](repeating: 0, count: 15 << 20), state: .failed,
            reason: .rejected, call: .rejected, says: "Too Large"),
    ]

    /// An inline picture that claims to be too large for most programs: it is kept unchanged, with a warning.
    private static let claims: [BadInputRow] = [("png", hugePNG), ("jpeg", hugeJPEG)].map { format, bytes in
        .done("huge-\(format)") {
            try $0.answer(Array(#"{"data":[{"b64_json":"\#(Data(bytes).base64EncodedString())"}]}"#.utf8))
        }
    }

    private static let links: [BadInputRow] =
        [
            .lost("ten-gigabytes", says: "downloads.max_bytes") {
                try $0.send("\(head)Content-Length: \(tenGigabytes)\r\n\r\n")
                try $0.flood("x", bytes: tenGigabytes)
            },
            .lost("endless", says: "downloads.max_bytes") {
                try $0.send("\(head)\r\n")
                try $0.flood("x")
            },
            .lost("link-chunks", says: "downloads.max_bytes") {
                try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\n")
                try $0.flood("64\r\n\(String(repeating: "x", count: 100))\r\n")
            },
            .lost("link-headers", says: "not HTTP") {
                try $0.send(head)
                try $0.flood("X-Flood: \(String(repeating: "a", count: 1000))\r\n")
            },
            .lost("link-header-line", says: "not HTTP") {
                try $0.send("\(head)X-Flood: ")
                try $0.flood("a")
            },
            .lost("link-gzip", says: "downloads.max_bytes") {
                try $0.send("\(head)Content-Encoding: gzip\r\n\r\n")
                try $0.flood("\u{0}")
            },
            .lost("link-redirects", says: "more than 2") {
                try $0.send("HTTP/1.1 302 Go\r\nLocation: /link-redirects?\(Int.random(in: 0 ... .max))\r\n\r\n")
            },
            .lost("link-longer-length", says: "was cut off") { try $0.send("\(head)Content-Length: 1000\r\n\r\nx") },
            .lost("link-two-lengths", says: "") {
                try $0.send("\(head)Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
            },
            .lost("link-negative-length", says: "") { try $0.send("\(head)Content-Length: -1\r\n\r\nxx") },
            .lost("link-chunk-size", says: "was cut off") {
                try $0.send("\(head)Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n")
            },
            .kept("link-escapes", says: "not a picture") {
                try $0.answer(Array("\u{1B}[2J\u{202E}".utf8))
            },
            .lost("link-nothing", says: "empty") { try $0.answer([]) },
            .fetched("link-huge-png", says: "65535×65535") { try $0.answer(hugePNG) },
            .fetched("link-huge-jpeg", says: "65535×65535") { try $0.answer(hugeJPEG) },
            .lost("link-101", says: "HTTP 101") {
                try $0.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            },
            .fetched("link-http-1.0") {
                try $0.send("HTTP/1.0 200 OK\r\n\r\n")
                try $0.send(SamplePictures.png.bytes)
            },
            .fetched("link-100-continue") {
                try $0.send("HTTP/1.1 100 Continue\r\n\r\n")
                try $0.answer(SamplePictures.png.bytes)
            },
            .fetched("link-shorter-length") {
                try $0.answer(SamplePictures.png.bytes)
                try $0.flood("x", bytes: 100_000)
            },
        ]
}
