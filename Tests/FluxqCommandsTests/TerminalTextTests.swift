import FluxqFormats
import FluxqModel
import FluxqWords
import Testing

@testable import FluxqCommands

@Suite("Text for terminals")
struct TerminalTextTests {
    @Test(
        "text of others cannot control the terminal",
        arguments: [
            ("plain", "plain"), ("a\u{1B}[31mb", #"a\e[31mb"#), ("a\u{1B}]0;title\u{07}b", #"a\e]0;title\u{7}b"#),
            ("one\ntwo\rthree\tfour", #"one\ntwo\rthree\tfour"#), ("a\u{9B}31mb", #"a\u{9B}31mb"#),
            ("del\u{7F}", #"del\u{7F}"#), ("\u{202E}gnp.exe", #"\u{202E}gnp.exe"#),
            ("a\u{2066}b\u{2028}c", #"a\u{2066}b\u{2028}c"#), ("Grüße, 世界", "Grüße, 世界"), ("👩‍👧", "👩‍👧"),
        ])
    func harmless(text: String, shown: String) {
        #expect(TerminalText.line(text) == shown)
    }

    @Test("line breaks stay if lines are wanted")
    func lines() {
        #expect(TerminalText.lines("a\nb\u{1B}\n") == ["a", #"b\e"#, ""])
    }

    @Test(
        "columns are counted as a terminal does",
        arguments: [
            ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("한글", 4), ("👍", 2), ("👩‍👧", 2), ("…", 1), ("", 0),
        ])
    func columns(text: String, count: Int) {
        #expect(TerminalText.columns(text) == count)
    }

    @Test(
        "text that does not fit is cut with an ellipsis",
        arguments: [
            ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("日本語", 6, "日本語"), ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"), ("abc", 1, "…"), ("abc", 0, ""),
        ])
    func truncated(text: String, limit: Int, shown: String) {
        #expect(TerminalText.truncated(text, toColumns: limit) == shown)
    }

    @Test("JSON on one line has no control characters either")
    func json() throws {
        let value = JSONValue.object(["a": .string("x\u{1B}\u{9B}\u{202E}\u{E0001}/\n"), "n": .number(0.8)])
        let line = try JSONText.line(value)
        #expect(line == #"{"a":"x\u001b\u009b\u202e\udb40\udc01/\n","n":0.8}"#)
        #expect(try JSONText.value(Array(line.utf8)) == value)
        #expect(try JSONText.lines([]) == ["[]"])
        #expect(try JSONText.lines([.integer(1), .null]) == ["[", "1,", "null", "]"])
    }

    @Test(
        "a length of time has two units at most",
        arguments: [
            (-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (94, "1 min 34 s"), (7_500, "2 h 5 min"),
            (86_400, "1 d"), (529_200, "6 d 3 h"),
        ])
    func elapsed(seconds: Int, words: String) {
        #expect(Elapsed.words(.seconds(seconds)) == words)
    }

    @Test("a time is shown as its distance from now", arguments: [(-185, "3 min ago"), (0, "now"), (7_300, "in 2 h")])
    func relative(seconds: Int, words: String) {
        #expect(Elapsed.relative(Sample.now + .seconds(seconds), now: Sample.now) == words)
    }

    @Test(
        "sizes are in binary units",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_398_101, "1.3 MiB"), (20 << 20, "20.0 MiB"),
            (Int64(3) << 30, "3.0 GiB"),
        ])
    func sizes(bytes: Int64, words: String) {
        #expect(ByteCount.words(bytes) == words)
    }
}
