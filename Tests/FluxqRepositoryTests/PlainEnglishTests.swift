import FluxqTestSupport
import Foundation
import Testing

/// Text for people is in plain English: common words and short sentences.
@Suite("The English of fluxq")
struct PlainEnglishTests {
    private static let folders = ["Sources", "Tests", "Proofs", "Benchmarks", "Fuzz", "docs", "scripts", "systemd"]
    private static let files = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "Package.swift"]

    /// Phrases that have to be read twice, as regular expressions, and what to write instead. A blank matches any white
    /// space, also across the lines of a comment.
    private static let phrases = [
        "what became of": "the result of, the state of",
        "became of": "the result of, the state of",
        "(?:go|goes|going) on": "continue, resume, last",
        "anew": "again",
        "dear|dearer": "expensive, costs more",
        "whoever": "the user who, any process that",
        "at present": "now",
        "(?:come|comes|came) to nothing": "fail, have no effect",
        "takes on what": "applies",
        "takes down": "records",
        "nobody's business": "must not be visible",
        "word of your own": "label",
        "where there (?:is|are) (?:none|no|neither)": "if there is none",
        "(?:nil|nothing|empty|false|true) where (?:there|it|they|no|nobody|somebody)": "nil if",
    ]

    @Test("phrases that have to be read twice do not come back", arguments: phrases.keys.sorted())
    func phrase(_ phrase: String) throws {
        let blank = #"(?:\s|///?|#|\\)+"#
        let pattern = try NSRegularExpression(
            pattern: #"\b(?:"# + phrase.replacing(" ", with: blank) + #")\b"#, options: .caseInsensitive)
        for (file, text) in try Self.texts() {
            let found = pattern.firstMatch(in: text, range: NSRange(text.startIndex..., in: text))
            guard let found, let range = Range(found.range, in: text) else { continue }
            let line = text[..<range.lowerBound].count { $0 == "\n" } + 1
            Issue.record("\(file):\(line): instead of \"\(text[range])\" write: \(Self.phrases[phrase] ?? "")")
        }
    }

    @Test("sentences that the programs print in the transcripts have at most 25 words")
    func sentences() throws {
        let folder = "Tests/Transcripts"
        var sentences = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: RepositoryFile.path(folder)) {
            for line in try RepositoryFile.text("\(folder)/\(name)").split(separator: "\n") {
                // Program output is indented; commands begin with $; JSON documents have no sentences.
                guard line.hasPrefix("    "), !line.hasPrefix("    $"), !line.contains("{") else { continue }
                // The text after a colon may be a quotation, such as a message of the API.
                for sentence in line.split(separator: /[.!?:]\s+/) {
                    sentences += 1
                    #expect(sentence.split(separator: " ").count <= 25, "\(name): \(sentence)")
                }
            }
        }
        #expect(sentences > 20)
    }

    private static func texts() throws -> [(file: String, text: String)] {
        var names = files
        for folder in folders {
            let below = try #require(FileManager.default.enumerator(atPath: RepositoryFile.path(folder)))
            names += below.compactMap { $0 as? String }.map { "\(folder)/\($0)" }
        }
        return names.filter { !$0.hasSuffix("/PlainEnglishTests.swift") }.compactMap { name in
            // Folders, and files that are no text, are skipped.
            (try? RepositoryFile.text(name)).map { (name, $0) }
        }
    }
}
