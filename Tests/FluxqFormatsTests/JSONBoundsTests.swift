import FluxqFormats
import Testing

@Suite("JSON from outside is parsed only within bounds")
struct JSONBoundsTests {
    @Test("exactly the allowed depth and number of values")
    func bounds() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(JSONBounds.hold(for: nested(JSONBounds.depth)))
        #expect(!JSONBounds.hold(for: nested(JSONBounds.depth + 1)))
        func list(_ count: Int) -> [UInt8] {
            Array("[\(Array(repeating: "1", count: count).joined(separator: ","))]".utf8)
        }
        #expect(JSONBounds.hold(for: list(JSONBounds.values - 1)))
        #expect(!JSONBounds.hold(for: list(JSONBounds.values + 1)))
        #expect(JSONBounds.hold(for: list(9), values: 10))
        #expect(!JSONBounds.hold(for: list(11), values: 10))
    }

    @Test("the contents of strings do not count, escaped quotes included")
    func strings() {
        let brackets = String(repeating: "[{,", count: 20_000)
        #expect(JSONValue(bounded: Array(#"{"a":"\#(brackets)\"\#(brackets)"}"#.utf8))?["a"]?.string != nil)
        #expect(!JSONBounds.hold(for: Array(#"{"a":"\\"\#(brackets)"}"#.utf8)))
    }

    @Test("text that is not JSON gives nil", arguments: ["", "{", "[1", "\u{0}", "{\"a\":}", "\"\\"])
    func notJSON(text: String) {
        #expect(JSONValue(bounded: Array(text.utf8)) == nil)
    }
}
