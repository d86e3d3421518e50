import FluxqTestSupport
import Foundation
import Testing

/// A line of a Swift source, for rules that all sources must follow.
struct SourceLine: CustomStringConvertible {
    /// The path below the requested folder.
    let file: String
    /// The line number, from 1.
    let number: Int
    let text: String

    var description: String { "\(file):\(number): \(text)" }

    static func ofAllTests() throws -> [SourceLine] { try all(below: "Tests") }

    static func all(below folder: String) throws -> [SourceLine] {
        let files = try #require(FileManager.default.enumerator(atPath: RepositoryFile.path(folder)))
        let names = files.compactMap { $0 as? String }
        return try names.filter { $0.hasSuffix(".swift") }.flatMap { name in
            try RepositoryFile.text("\(folder)/\(name)").split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated().map { SourceLine(file: name, number: $0.offset + 1, text: String($0.element)) }
        }
    }
}
