package import FluxqModel
import Foundation
import GRDB
/// Simulates the passage of time for the state directory of a stopped daemon, so that a proof need not wait.
package enum PassingTime {
    /// Makes everything due that waits for a time of its own.
    package static func endPauses(in stateDirectory: String) async throws {
        try await StateDatabase.write(in: stateDirectory) { db in
            try db.execute(sql: "UPDATE jobs SET not_before = 0 WHERE state = 'queued' AND not_before IS NOT NULL")
            try db.execute(sql: "UPDATE pictures SET next_try_at = 0 WHERE state = 'pending'")
        }
    }

    /// Sets the age of an input to two days, in its row and in its file.
    package static func makeOld(_ input: ContentHash, in stateDirectory: String) async throws {
        try await StateDatabase.write(in: stateDirectory) { db in
            try db.execute(
                sql: "UPDATE inputs SET brought_at = brought_at - 2 * 86400000 WHERE hash = ?", arguments: [input.hex])
            let path = "\(stateDirectory)/objects/sha256/\(input.hex.prefix(2))/\(input.hex)"
            let old = Date(timeIntervalSinceNow: -2 * 86_400)
            try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        }
    }
}
