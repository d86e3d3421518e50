import Foundation

/// The directory of one test, removed when the test releases it.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// - Throws: if no directory can be created in the system's temporary directory.
    package init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "fluxq-test-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        // Tests enter it as other users, whatever umask they run under.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    package func path(_ name: String) -> String { "\(path)/\(name)" }
}

extension TemporaryDirectory {
    /// Files in `incoming/` that are in use, without those that are only kept for reuse.
    ///
    /// - Parameter state: the state directory, relative to this directory.
    package func incoming(ofState state: String = ".") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path("\(state)/incoming"))
            .filter { !$0.hasPrefix("spare-") }
    }
}
