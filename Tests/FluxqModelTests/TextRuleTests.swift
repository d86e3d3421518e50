import Testing

@testable import FluxqModel

@Suite("Forbidden characters")
struct TextRuleTests {
    @Test(
        "terminal control characters are refused in every text",
        arguments: [
            "\u{0}", "\u{7}", "\u{8}", "\u{B}", "\u{C}", "\u{1B}[31m", "\u{7F}", "\u{80}", "\u{85}", "\u{9B}31m",
            "\u{9F}", "\r", "a\rb", "a\r\rb\n", "end\r",
        ])
    func control(text: String) {
        #expect(TextRule.lines.problem(of: "x\(text)") == "must not contain control characters but tab and new line")
        #expect(TextRule.oneLine.problem(of: "x\(text)") == "must not contain control characters")
    }

    @Test(
        "characters that change the writing direction are refused in every text, and named",
        arguments: [
            0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069,
        ] as [UInt32])
    func direction(value: UInt32) throws {
        let scalar = try #require(Unicode.Scalar(value))
        for rule in [TextRule.lines, .oneLine] {
            let problem = try #require(rule.problem(of: "a\(Character(scalar))b"))
            #expect(problem.contains("U+\(value < 0x1000 ? "0" : "")\(String(value, radix: 16, uppercase: true))"))
        }
    }

    @Test("several lines are allowed only in a prompt", arguments: ["a\nb", "a\r\nb", "a\tb", "\n", "a\u{2028}b"])
    func lines(text: String) {
        #expect(TextRule.lines.problem(of: text) == nil)
        #expect(TextRule.oneLine.problem(of: text) != nil)
    }

    @Test(
        "text of every script is allowed",
        arguments: ["Füge Schnee hinzu", "雪を降らせて", "أضف الثلج", "הוסף שלג", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a\u{300}", "\u{A0}", "می‌خواهم"])
    func scripts(text: String) {
        for rule in [TextRule.lines, .oneLine] { #expect(rule.problem(of: text) == nil) }
    }
}
