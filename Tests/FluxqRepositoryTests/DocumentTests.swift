import FluxqSandbox
import FluxqTestSupport
import Foundation
import Testing

@Suite("The documents")
struct DocumentTests {
    @Test("link to files and headings that exist, and to functions and types that the file has")
    func links() throws {
        var named = 0
        for document in try Document.all() {
            for link in document.links {
                let path = "\(RepositoryFile.root)/\(link.file)"
                guard FileManager.default.fileExists(atPath: path) else {
                    Issue.record("\(document) links to \(link.file), which is not there")
                    continue
                }
                if let heading = link.heading {
                    #expect(
                        try Document(link.file).headings.contains(heading),
                        "\(document) links to #\(heading) of \(link.file)")
                }
                guard let name = Self.name(in: link) else { continue }
                named += 1
                let words = try Set(
                    RepositoryFile.text(link.file).split { !$0.isLetter && !$0.isNumber && $0 != "_" })
                for part in name { #expect(words.contains(part[...]), "\(document): \(link.file) has no \(part)") }
            }
        }
        #expect(named > 40)
    }

    /// Splits `Store.submit` into the type and the function of a Swift file; nil for a link that only names its file.
    private static func name(in link: Document.Link) -> [String]? {
        guard link.file.hasSuffix(".swift"), link.text.hasPrefix("`"), link.text.hasSuffix("`") else { return nil }
        return link.text.dropFirst().dropLast().split(separator: ".").map(String.init)
    }

    @Test("exist where the sources and scripts refer to them, with the named headings")
    func mentions() throws {
        var mentions = 0
        for folder in ["Sources", "Tests", "Proofs", "scripts", "systemd"] {
            let names = try #require(FileManager.default.enumerator(atPath: "\(RepositoryFile.root)/\(folder)"))
            for case let name as String in names {
                // Folders, and files that are no text, are skipped.
                guard let text = try? RepositoryFile.text("\(folder)/\(name)") else { continue }
                for match in text.matches(of: /docs\/([a-z-]+\.(?:md|yaml))(?:,\s+(?:\/\/\/ )?"([^"]+)"\))?/) {
                    mentions += 1
                    let path = "docs/\(match.1)"
                    guard FileManager.default.fileExists(atPath: "\(RepositoryFile.root)/\(path)") else {
                        Issue.record("\(folder)/\(name) speaks of \(path), which is not there")
                        continue
                    }
                    guard let heading = match.2, path.hasSuffix(".md") else { continue }
                    #expect(
                        try Document(path).lines.contains { $0.hasSuffix("# \(heading)") },
                        "\(folder)/\(name): \(heading)")
                }
            }
        }
        #expect(mentions > 10)
    }

    @Test("each page says in its first sentence who it is for")
    func audience() throws {
        for document in try Document.all() where document.path != "README.md" {
            #expect(document.lines[0].hasPrefix("# "), "\(document)")
            #expect(document.lines[2].hasPrefix("For "), "\(document)")
        }
    }

    @Test("the README has at most 150 lines and leads to every page")
    func readme() throws {
        let readme = try Document("README.md")
        #expect(readme.lines.count <= 151)
        let targets = Set(readme.links.map(\.file))
        for document in try Document.all() where document.path != "README.md" {
            #expect(targets.contains(document.path), "\(document)")
        }
    }

    @Test("name only targets of make that the Makefile has")
    func targets() throws {
        let makefile = try RepositoryFile.text("Makefile")
        for document in try Document.all() {
            for match in document.text.matches(of: /(?:`|\n|&& )make ([a-z]+)/) {
                #expect(makefile.contains("\n\(match.1):"), "\(document): make \(match.1)")
            }
        }
    }

    @Test("have only examples of JSON that are JSON")
    func json() throws {
        for document in try Document.all() {
            for example in document.text.split(separator: "```json\n").dropFirst() {
                let json = try #require(example.split(separator: "```").first)
                #expect(throws: Never.self, "\(document)") {
                    try JSONSerialization.jsonObject(with: Data(json.utf8))
                }
            }
        }
    }

    @Test("list every word that the stand-in understands")
    func sandboxWords() throws {
        #expect(try RepositoryFile.text("docs/sandbox.md").contains(SandboxWord.markdownTable))
    }
}
