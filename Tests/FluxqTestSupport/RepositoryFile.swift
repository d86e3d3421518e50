import Foundation

/// A file of the checkout that the tests were built from.
package enum RepositoryFile {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    package static func path(_ name: String) -> String { "\(root)/\(name)" }

    package static func text(_ name: String) throws -> String {
        try String(contentsOfFile: path(name), encoding: .utf8)
    }
}
