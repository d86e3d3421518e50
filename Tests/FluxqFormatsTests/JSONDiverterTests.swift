import FoundationEssentials
import Testing

@testable import FluxqFormats

@Suite("Strings at a path are diverted out of streaming JSON")
struct JSONDiverterTests {
    static let path: [JSONDiverter.Element] = [.key("data"), .anyIndex, .key("b64_json")]

    /// The result of a text: its diverted strings (nil if one did not end) and the remainder with `<0>` for a marker.
    private struct Result: Equatable {
        var strings: [String?]
        var remainder: String
    }

    private func divert(
        _ pieces: [[UInt8]], path: [JSONDiverter.Element] = path, limit: Int = 10_000
    ) throws -> Result {
        var diverter = JSONDiverter(path: path, remainderLimit: limit)
        var strings: [String?] = []
        var open: [UInt8]?
        for piece in pieces {
            for event in try diverter.consume(piece) {
                switch event {
                case .begin(let ordinal):
                    #expect(ordinal == strings.count)
                    #expect(open == nil)
                    open = []
                    strings.append(nil)
                case .bytes(let bytes):
                    #expect(!bytes.isEmpty)
                    open? += bytes
                case .end:
                    strings[strings.count - 1] = open.map { String(decoding: $0, as: UTF8.self) }
                    open = nil
                }
            }
        }
        let remainder = diverter.remainder { "<\($0)>" }
        return Result(strings: strings, remainder: String(decoding: remainder, as: UTF8.self))
    }

    private func divert(_ text: String, path: [JSONDiverter.Element] = path) throws -> Result {
        try divert([Array(text.utf8)], path: path)
    }

    static let texts: [(text: String, strings: [String?], remainder: String)] = [
        (#"{"data":[{"b64_json":"AAAA"}]}"#, ["AAAA"], #"{"data":[{"b64_json":<0>}]}"#),
        (#" { "data" : [ { "b64_json" : "A" } ] } "#, ["A"], #" { "data" : [ { "b64_json" : <0> } ] } "#),
        (#"{"data":[{"b64_json":""}]}"#, [""], #"{"data":[{"b64_json":<0>}]}"#),
        (
            #"{"created":1,"data":[{"b64_json":"A","url":"u"},{"b64_json":"B"},3,"x",null],"usage":{}}"#, ["A", "B"],
            #"{"created":1,"data":[{"b64_json":<0>,"url":"u"},{"b64_json":<1>},3,"x",null],"usage":{}}"#
        ),
        // JSONDecoder accepts a trailing comma.
        (
            #"{"usage":{"a":1,},"data":[{"b64_json":"A",},{"b64_json":"B"},],}"#, ["A", "B"],
            #"{"usage":{"a":1,},"data":[{"b64_json":<0>,},{"b64_json":<1>},],}"#
        ),
        // Escapes inside diverted strings, and in the keys on the path.
        (
            #"{"data":[{"b64_json":"a\/b\u002fc\n\"\\d\b\f\r\t"}]}"#, ["a/b/c\n\"\\d\u{8}\u{c}\r\t"],
            #"{"data":[{"b64_json":<0>}]}"#
        ),
        (#"{"data":[{"b64_json":"\u00e9\u20ac\uD83D\uDE00é"}]}"#, ["é€😀é"], #"{"data":[{"b64_json":<0>}]}"#),
        (#"{"data":[{"b64_json":"\ud83dx\udc00\ud83d"}]}"#, ["\u{FFFD}x\u{FFFD}"], #"{"data":[{"b64_json":<0>}]}"#),
        (#"{"d\u0061ta":[{"b64\u005Fjson":"A"}]}"#, ["A"], #"{"d\u0061ta":[{"b64\u005Fjson":<0>}]}"#),
        // The same keys in other places.
        (#"{"b64_json":"A","data":"B"}"#, [], #"{"b64_json":"A","data":"B"}"#),
        (#"{"data":{"b64_json":"A"}}"#, [], #"{"data":{"b64_json":"A"}}"#),
        (#"{"x":{"data":[{"b64_json":"A"}]}}"#, [], #"{"x":{"data":[{"b64_json":"A"}]}}"#),
        (#"[{"data":[{"b64_json":"A"}]}]"#, [], #"[{"data":[{"b64_json":"A"}]}]"#),
        (#"{"data":[[{"b64_json":"A"}]]}"#, [], #"{"data":[[{"b64_json":"A"}]]}"#),
        (#"{"data":[{"x":{"b64_json":"A"}}]}"#, [], #"{"data":[{"x":{"b64_json":"A"}}]}"#),
        (
            #"{"data":[{"b64_json":["A"]},{"b64_json":{"b64_json":"B"}}]}"#, [],
            #"{"data":[{"b64_json":["A"]},{"b64_json":{"b64_json":"B"}}]}"#
        ),
        (#"{"data":[{"b64_json":7,"c":"A"}]}"#, [], #"{"data":[{"b64_json":7,"c":"A"}]}"#),
        (
            #"{"data":[{"b64_jsonx":"A","b64_jso":"B","B64_JSON":"C"}]}"#, [],
            #"{"data":[{"b64_jsonx":"A","b64_jso":"B","B64_JSON":"C"}]}"#
        ),
        (
            #"{"x":"data","data":[{"y":"b64_json","b64_json":"A"}]}"#, ["A"],
            #"{"x":"data","data":[{"y":"b64_json","b64_json":<0>}]}"#
        ),
        (
            #"{"x":"\"data\":[{\"b64_json\":\"A\"}]","data":[]}"#, [],
            #"{"x":"\"data\":[{\"b64_json\":\"A\"}]","data":[]}"#
        ),
        // The same key twice: both strings are diverted, and the reader of the remainder decides which counts.
        (
            #"{"data":[{"b64_json":"A","b64_json":"B"}],"data":[{"b64_json":"C"}]}"#, ["A", "B", "C"],
            #"{"data":[{"b64_json":<0>,"b64_json":<1>}],"data":[{"b64_json":<2>}]}"#
        ),
        // Texts that end early.
        (#"{"data":[{"b64_json":"AAA"#, [nil], #"{"data":[{"b64_json":<0>"#),
        (#"{"data":[{"b64_json":"A\"#, [nil], #"{"data":[{"b64_json":<0>"#),
        (#"{"data":[{"b64_json":"A\u00"#, [nil], #"{"data":[{"b64_json":<0>"#),
        (#"{"data":[{"b64_js"#, [], #"{"data":[{"b64_js"#),
        // Texts that are not JSON.
        ("<html>\"data\":[{\"b64_json\":\"A\"}]", [], "<html>\"data\":[{\"b64_json\":\"A\"}]"),
        (#"{"a" "data":[{"b64_json":"A"}]}"#, [], #"{"a" "data":[{"b64_json":"A"}]}"#),
        (
            #"{"data":[{"b64_json":"A"}]}{"data":[{"b64_json":"B"}]}"#, ["A"],
            #"{"data":[{"b64_json":<0>}]}{"data":[{"b64_json":"B"}]}"#
        ),
        (#"{"data":[}{"b64_json":"A"}]}"#, [], #"{"data":[}{"b64_json":"A"}]}"#),
        ("", [], ""),
        ("\u{FEFF}{\"data\":[{\"b64_json\":\"A\"}]}", ["A"], "\u{FEFF}{\"data\":[{\"b64_json\":<0>}]}"),
        // Numbers and words that are not JSON stay in place.
        (#"{"x":NaN,"y":-1e400,"data":[{"b64_json":"A"}]}"#, ["A"], #"{"x":NaN,"y":-1e400,"data":[{"b64_json":<0>}]}"#),
    ]

    @Test("each text gives its strings and its remainder, cut at every byte", arguments: texts)
    func diverts(text: String, strings: [String?], remainder: String) throws {
        let expected = Result(strings: strings, remainder: remainder)
        let bytes = Array(text.utf8)
        #expect(try divert([bytes]) == expected)
        #expect(try divert(bytes.map { [$0] }) == expected, "byte by byte")
        for cut in bytes.indices {
            #expect(try divert([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected, "cut at \(cut)")
        }
    }

    @Test("the remainder is JSON whose markers lead back to the strings")
    func markers() throws {
        var diverter = JSONDiverter(path: Self.path, remainderLimit: 1000)
        _ = try diverter.consume(#"{"data":[{"b64_json":"AAAA","url":"AAAA"},{"b64_json":"BB"}]}"#.utf8)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(diverter.remainder))
        guard case .array(let items) = value["data"] else {
            Issue.record("data is not a list")
            return
        }
        #expect(items.map { $0["b64_json"]?.string.flatMap(diverter.ordinal(ofMarker:)) } == [0, 1])
        #expect(diverter.ordinal(ofMarker: "AAAA") == nil)
    }

    @Test("a marker of another text, or without a diverted string, is an ordinary string")
    func forgedMarkers() throws {
        var first = JSONDiverter(path: [], remainderLimit: 1000)
        var second = JSONDiverter(path: [], remainderLimit: 1000)
        _ = try first.consume("\"A\"".utf8)
        _ = try second.consume("\"A\"".utf8)
        let marker = try JSONDecoder().decode(String.self, from: Data(first.remainder))
        #expect(first.ordinal(ofMarker: marker) == 0)
        #expect(second.ordinal(ofMarker: marker) == nil)
        #expect(first.ordinal(ofMarker: marker.dropLast() + "1") == nil)
        #expect(first.ordinal(ofMarker: marker.dropLast() + "-1") == nil)
    }

    @Test("a path may lead to a member of the root, to any of several keys, or to the root itself")
    func otherPaths() throws {
        let request = #"{"request":{"image":"A","prompt":"B"},"image":"C"}"#
        #expect(try divert(request, path: [.key("request"), .key("image")]).strings == ["A"])
        let items = #"{"data":[{"url":"A","x":"B"},{"b64_json":"C"}]}"#
        #expect(
            try divert(items, path: [.key("data"), .anyIndex, .anyKey(["b64_json", "url"])]).strings == ["A", "C"])
        #expect(try divert("\"A\"", path: []).strings == ["A"])
        #expect(try divert(#"[["A"],"B"]"#, path: [.anyIndex, .anyIndex]).strings == ["A"])
    }

    @Test("brackets may nest ten thousand deep")
    func deepNesting() throws {
        let depth = 10_000
        let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let text = #"{"x":"# + nested + #","data":[{"b64_json":"A"}]}"#
        #expect(try divert([Array(text.utf8)], limit: 100_000).strings == ["A"])
    }

    @Test("once a text is nested deeper than allowed, nothing more is diverted")
    func depthLimit() throws {
        func divert(_ text: String) throws -> (remainder: [UInt8], events: [JSONDiverter.Event]) {
            var diverter = JSONDiverter(path: [.key("x")], remainderLimit: 1000, depthLimit: 3)
            let events = try diverter.consume(Array(text.utf8))
            return (diverter.remainder, events)
        }
        let allowed = #"{"y":[[]],"x":"A"}"#
        #expect(try divert(allowed).events == [.begin(ordinal: 0), .bytes(Array("A".utf8)), .end])
        let deeper = #"{"y":[[[]]],"x":"A"}"#
        #expect(try divert(deeper).events == [])
        #expect(try divert(deeper).remainder == Array(deeper.utf8))
    }

    @Test("a remainder over its limit is refused, however long the diverted strings are")
    func limits() throws {
        let long = String(repeating: "A", count: 100_000)
        #expect(try divert([Array("{\"data\":[{\"b64_json\":\"\(long)\"}]}".utf8)], limit: 100).strings == [long])
        let failure = JSONDiverter.Failure.tooLong(limit: 100)
        #expect(throws: failure) { try divert([Array("{\"x\":\"\(long)\"}".utf8)], limit: 100) }
        #expect(throws: failure) { try divert([Array("{\"\(long)\":1}".utf8)], limit: 100) }
        #expect(throws: failure) { try divert([Array(long.utf8)], limit: 100) }
        #expect(throws: failure) { try divert([[UInt8](repeating: UInt8(ascii: "["), count: 101)], limit: 100) }
    }

    @Test(
        "the end of the text is found by its brackets and quotes",
        arguments: [
            (#"{"a":[1]}"#, true), (#"{"a":[1]} "#, true), (#"{"a":[1]"#, false), (#"{"a":"b"#, false), ("12", true),
            ("\"a\"", true), ("\"a", false), ("", false), ("<html>", true), ("<a b>", false), ("{} {}", false),
        ])
    func completeness(text: String, isComplete: Bool) throws {
        var diverter = JSONDiverter(path: Self.path, remainderLimit: 1000)
        _ = try diverter.consume(text.utf8)
        #expect(diverter.isComplete == isComplete)
    }

    @Test(
        "strings under certain names are diverted anywhere, also in lists",
        arguments: [
            (#"{"a":{"Image_URL":"x","other":"y"},"image":["p",{"q":"r"},["s"]]}"#, ["x", "p", "s"]),
            (#"{"image":{"x":"a"},"imageUrl":"b"}"#, ["b"]), (#"["a"]"#, []), (#""a""#, []),
        ] as [(String, [String])])
    func names(text: String, strings: [String]) throws {
        var diverter = JSONDiverter(names: ["imageurl", "image"], remainderLimit: 1000)
        var found: [String] = []
        for byte in text.utf8 {
            for event in try diverter.consume([byte]) {
                switch event {
                case .begin: found.append("")
                case .bytes(let bytes): found[found.count - 1] += String(decoding: bytes, as: UTF8.self)
                case .end: break
                }
            }
        }
        #expect(found == strings)
        #expect(diverter.places.count == strings.count)
    }

    @Test("a text that was cut anywhere can be read up to the cut")
    func closed() throws {
        let text = #"{"a":[1,{"image":"x","b":"c\\\"d"},true],"e":{},"f":null,"g":[]}"#
        for length in 1..<text.utf8.count {
            var diverter = JSONDiverter(names: ["image"], remainderLimit: 1000)
            _ = try diverter.consume(Array(text.utf8.prefix(length)))
            #expect(JSONValue(bounded: diverter.closedRemainder) != nil, "\(text.prefix(length))")
        }
    }

    @Test("only the first of several texts is read")
    func several() throws {
        var diverter = JSONDiverter(names: ["image"], remainderLimit: 1000)
        let text = Array(#"{"a":1}{"b":2}"#.utf8)
        #expect(try diverter.consumeValue(text[...]).count == 7)
        #expect(diverter.isComplete)
    }
}
