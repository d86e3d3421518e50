import FluxqTestSupport
import Foundation
import Testing

/// A Markdown file of the repository.
struct Document: CustomStringConvertible {
    /// A link in the document to another file of the repository.
    struct Link {
        /// The visible text as it is written: `name` in backticks is the name of something in the file.
        let text: String
        /// The path of the file, from the repository's root.
        let file: String
        /// The GitHub anchor of a heading in the file; nil for the whole file.
        let heading: String?
    }

    /// The path from the repository's root.
    let path: String
    let text: String

    var description: String { path }

    init(_ path: String) throws {
        self.path = path
        text = try RepositoryFile.text(path)
    }

    static func all() throws -> [Document] {
        let pages = try FileManager.default.contentsOfDirectory(atPath: "\(RepositoryFile.root)/docs").sorted()
        return try ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(Document.init)
            + pages.filter { $0.hasSuffix(".md") }.map { try Document("docs/\($0)") }
    }

    /// The text without fenced code.
    private var prose: String {
        var isCode = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            if line.hasPrefix("```") {
                isCode.toggle()
                return false
            }
            return !isCode
        }.joined(separator: "\n")
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The anchor of each heading: small letters, hyphens for spaces, no punctuation.
    var headings: Set<String> {
        Set(
            prose.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
                line.drop { $0 == "#" || $0 == " " }.lowercased().replacing(" ", with: "-")
                    .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
            })
    }

    var links: [Link] {
        prose.matches(of: /\[([^\]]+)\]\(([^)\s]+)\)/).compactMap { match in
            let target = String(match.2)
            if target.contains("://") { return nil }
            let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let folder = path.contains("/") ? path.prefix { $0 != "/" } + "/" : ""
            let file = parts[0].isEmpty ? path : parts[0]
            let whole = file.hasPrefix("../") ? String(file.dropFirst(3)) : parts[0].isEmpty ? file : folder + file
            return Link(text: String(match.1), file: whole, heading: parts.count > 1 ? parts[1] : nil)
        }
    }
}
