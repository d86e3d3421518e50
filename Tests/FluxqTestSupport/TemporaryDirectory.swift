import Foundation

/// A directory of one test's own, gone when the test lets go of it.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// - Throws: where the system's temporary directory takes no new one.
    package init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "fluxq-test-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        // Tests go into it as other users, under whatever umask they run.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    package func path(_ name: String) -> String { "\(path)/\(name)" }
}

extension TemporaryDirectory {
    /// Files in `incoming/` that are needed, without those that are only kept to be written again.
    ///
    /// - Parameter state: the state directory in this one.
    package func incoming(ofState state: String = ".") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path("\(state)/incoming"))
            .filter { !$0.hasPrefix("spare-") }
    }
}
