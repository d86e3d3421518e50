import FluxqTestSupport
import Foundation
import Testing

/// One line of a test's source, for the rules that all tests keep.
struct SourceLine: CustomStringConvertible {
    /// Below `Tests`.
    let file: String
    /// From 1.
    let number: Int
    let text: String

    var description: String { "\(file):\(number): \(text)" }

    static func ofAllTests() throws -> [SourceLine] {
        let folder = "\(RepositoryFile.root)/Tests"
        let names = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        return try names.filter { $0.hasSuffix(".swift") }.flatMap { name in
            try RepositoryFile.text("Tests/\(name)").split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated().map { SourceLine(file: name, number: $0.offset + 1, text: String($0.element)) }
        }
    }
}
