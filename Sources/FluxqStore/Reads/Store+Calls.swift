package import FluxqModel

extension Store {
    /// The maximum number of calls in a job's own document; the latest are included.
    package static let callsInDocument = 100
    /// The maximum total size of messages and answers in them, or in a page of calls. A list ends early, though not
    /// before its first call.
    package static let callTextBytes = 1 << 20

    /// A job's calls, newest first.
    ///
    /// - Parameter before: returns only calls with a smaller number.
    /// - Returns: nil if there is no such job, or it belongs to another user.
    package func calls(
        of id: JobID, before: Int?, limit: Int, for caller: Caller
    ) async throws(StoreError) -> [LedgerEntry]? {
        try await read { db, _ in
            let job = try db.row(
                "SELECT 1 FROM jobs WHERE jobs.id = ? AND \(Caller.reach)", [id] + caller.reachArguments)
            return job == nil ? nil : try LedgerEntry.latest(of: id, before: before, limit: limit, db)
        }
    }
}

extension LedgerEntry {
    /// The latest calls of a job, newest first.
    static func latest(of id: JobID, before: Int?, limit: Int, _ db: any Connection) throws -> [LedgerEntry] {
        let sql = "SELECT * FROM attempts WHERE job = ? AND number < ? ORDER BY number DESC LIMIT ?"
        var calls: [LedgerEntry] = []
        var textBytes = 0
        try db.forEachRow(sql, [id, before ?? .max, limit]) { row in
            let call = try LedgerEntry(row)
            textBytes += ["message", "excerpt"].reduce(0) { $0 + ((row[$1] as String?)?.utf8.count ?? 0) }
            if textBytes > Store.callTextBytes, !calls.isEmpty { return false }
            calls.append(call)
            return true
        }
        return calls
    }

    private init(_ row: Row) throws {
        self.init(
            number: row["number"], billing: try row.choice("billing"), imagesWanted: row["images_wanted"],
            imagesCame: row["images_came"], priceMicros: row["price"], currency: row["currency"],
            begunAt: row["begun_at"], sentAt: row["sent_at"], settledAt: row["settled_at"], outcome: row["outcome"],
            status: row["status"], requestID: row["request_id"], message: row["message"],
            excerpt: row["excerpt"])
    }
}
