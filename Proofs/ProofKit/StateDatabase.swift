import Foundation
import GRDB
import NIOPosix

/// The database of a stopped daemon, for what a proof changes in it.
package enum StateDatabase {
    /// Runs one statement, such as one that plants a defect.
    package static func run(_ sql: String, in stateDirectory: String) async throws {
        try await write(in: stateDirectory) { db in try db.execute(sql: sql) }
    }

    /// Does nothing if there is no database yet.
    static func write(in stateDirectory: String, _ body: @escaping @Sendable (Database) throws -> Void) async throws {
        let path = "\(stateDirectory)/queue.sqlite"
        try await NIOThreadPool.singleton.runIfActive {
            guard FileManager.default.fileExists(atPath: path) else { return }
            let queue = try DatabaseQueue(path: path)
            try queue.write(body)
            try queue.close()
        }
    }
}
