package import FluxqModel

// The rows' references to content. The view `content_in_use` defines them for repair, housekeeping, scrubbing and
// backups.

/// Content of the archive that rows refer to.
package struct ContentReference: Hashable, Sendable {
    package let hash: ContentHash
    /// The size according to the rows; nil if the content is only referenced as bytes that came instead of a picture.
    package let bytes: Int64?
    /// True if it should be intact in the archive; false if every row that refers to it records it as damaged.
    package let isExpected: Bool
}

/// A row that refers to a content.
package enum ContentUse: Hashable, Sendable, CustomStringConvertible {
    /// A picture that was bought.
    case picture(JobID, index: Int)
    /// A picture that was found damaged, and is fetched again from its link.
    case refetched(JobID, index: Int)
    /// Bytes that came instead of a picture, kept for inspection.
    case unusable(JobID, index: Int)
    /// A picture to be edited.
    case input(uid: UInt32)

    package var description: String {
        switch self {
        case .picture(let job, let index), .refetched(let job, let index): "picture \(index) of job \(job)"
        case .unusable(let job, let index): "what came as picture \(index) of job \(job)"
        case .input(let uid): "an input of uid \(uid)"
        }
    }
}

extension ContentReference {
    /// Returns all content of one bucket of the archive that any row refers to, each once, in order.
    ///
    /// - Parameter bucket: the first byte of the hashes.
    static func all(in bucket: UInt8, _ db: any Connection) throws -> [ContentReference] {
        let digits = String(bucket, radix: 16)
        let prefix = (digits.count == 1 ? "0" : "") + digits
        // "g" follows every hexadecimal digit.
        let sql = """
            SELECT hash, max(bytes) AS bytes, min(is_damaged) AS is_damaged FROM content_in_use
            WHERE hash BETWEEN ?1 AND ?2 GROUP BY hash ORDER BY hash
            """
        return try db.rows(sql, [prefix, prefix + "g"]).map { row in
            guard let hash: ContentHash = row["hash"] else {
                let text: String = row["hash"]
                throw StoreError.damaged("\"\(text)\" is no hash")
            }
            let isDamaged: Bool = row["is_damaged"]
            return ContentReference(hash: hash, bytes: row["bytes"], isExpected: !isDamaged)
        }
    }
}

extension ContentUse {
    /// Returns everything that refers to a content.
    ///
    /// - Parameter damaged: true for rows that record it as damaged, false for rows that expect it to be intact.
    static func all(of hash: ContentHash, damaged: Bool, _ db: any Connection) throws -> [ContentUse] {
        let sql = """
            SELECT kind, job, position, uid FROM content_in_use WHERE hash = ? AND is_damaged = ?
            ORDER BY kind = 'input', job, position, uid
            """
        return try db.rows(sql, [hash, damaged]).map { row in
            switch row["kind"] as String {
            case "picture": .picture(row["job"], index: row["position"])
            case "pending": .refetched(row["job"], index: row["position"])
            case "unusable": .unusable(row["job"], index: row["position"])
            case "input": .input(uid: row["uid"])
            case let other: throw StoreError.damaged("content in use as \"\(other)\"")
            }
        }
    }

    /// True if any row refers to the content in any form. Content in use is never deleted.
    static func isInUse(_ hash: ContentHash, _ db: any Connection) throws -> Bool {
        let sql = "SELECT 1 FROM content_in_use WHERE hash = ? LIMIT 1"
        return try db.row(sql, [hash]) != nil
    }
}
