package import FluxqModel
import GRDB

/// Content of the archive that rows refer to.
package struct ContentReference: Hashable, Sendable {
    package let hash: ContentHash
    /// As the rows have it; nil where only what came instead of a picture refers to it.
    package let bytes: Int64?
}

/// What refers to a content.
package enum ContentUse: Hashable, Sendable, CustomStringConvertible {
    /// A picture that was bought.
    case picture(JobID, index: Int)
    /// What came instead of a picture, kept for a person to look at.
    case unusable(JobID, index: Int)
    /// A picture to be edited.
    case input(uid: UInt32)

    package var description: String {
        switch self {
        case .picture(let job, let index): "picture \(index) of job \(job)"
        case .unusable(let job, let index): "what came as picture \(index) of job \(job)"
        case .input(let uid): "an input of uid \(uid)"
        }
    }
}

extension ContentReference {
    /// All content of one bucket of the archive, each once, in order. What was found damaged is not expected there.
    ///
    /// - Parameter bucket: the first byte of the hashes.
    static func all(in bucket: UInt8, _ db: Database) throws -> [ContentReference] {
        let digits = String(bucket, radix: 16)
        let prefix = (digits.count == 1 ? "0" : "") + digits
        // "g" follows every hexadecimal digit.
        let statement = try db.cachedStatement(
            sql: """
                SELECT hash, max(bytes) AS bytes FROM (
                    SELECT hash, bytes FROM pictures WHERE hash BETWEEN ?1 AND ?2
                    UNION ALL SELECT hash, bytes FROM inputs
                        WHERE hash BETWEEN ?1 AND ?2 AND damaged_at IS NULL)
                GROUP BY hash ORDER BY hash
                """)
        return try Row.fetchAll(statement, arguments: [prefix, prefix + "g"]).map { row in
            guard let hash: ContentHash = row["hash"] else {
                let text: String = row["hash"]
                throw StoreError.damaged("\"\(text)\" is no hash")
            }
            return ContentReference(hash: hash, bytes: row["bytes"])
        }
    }
}

extension ContentUse {
    /// Everything that refers to a content.
    static func all(of hash: ContentHash, _ db: Database) throws -> [ContentUse] {
        let pictures = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT job, position, state FROM pictures WHERE hash = ? ORDER BY job, position"),
            arguments: [hash])
        let inputs = try UInt32.fetchAll(
            db.cachedStatement(sql: "SELECT uid FROM inputs WHERE hash = ? AND damaged_at IS NULL ORDER BY uid"),
            arguments: [hash])
        return pictures.map { row in
            row["state"] == "unusable"
                ? .unusable(row["job"], index: row["position"]) : .picture(row["job"], index: row["position"])
        } + inputs.map { .input(uid: $0) }
    }
}
