import FluxqModel

/// A row of `owners`, with the columns that limits need.
struct OwnerRow {
    /// The columns that a query has to name first. They are read by position, because a column's name is looked up in
    /// each row.
    static let columns = """
        owners.uid, owners.name, owners.came_as IS NOT NULL, owners.queued, owners.running, owners.archive_bytes, \
        owners.unused_input_bytes, owners.kept_bytes, owners.groups, owners.retries, owners.retried_on
        """

    /// The position of the query's first column after them.
    static let columnCount = 11

    static let byNumber = "SELECT \(columns) FROM owners WHERE uid = ?"

    let uid: UInt32
    let name: String
    /// True if the number came under another name, so it is unknown whose it is.
    let isHeldBack: Bool
    let queued: Int64
    let running: Int64
    let archiveBytes: Int64
    let unusedInputBytes: Int64
    let keptBytes: Int64
    /// The retries by hand on `retriedOn`.
    private let retries: Int64
    private let retriedOn: Int64
    /// The groups at the last visit; JSON text.
    let groups: String

    init(_ row: Row) {
        uid = row[0]
        name = row[1]
        isHeldBack = row[2]
        queued = row[3]
        running = row[4]
        archiveBytes = row[5]
        unusedInputBytes = row[6]
        keptBytes = row[7]
        groups = row[8]
        retries = row[9]
        retriedOn = row[10]
    }

    /// The use that the row itself counts, without the calls of that day.
    func use(on day: UTCDay) -> UserUse {
        UserUse(
            queued: queued, retriesToday: retriedOn == day.rawValue ? retries : 0, unusedInputBytes: unusedInputBytes,
            archiveBytes: archiveBytes, keptBytes: keptBytes)
    }

    func limits(_ rules: LimitRules) throws -> UserLimits {
        // Memberships are read only if they can matter.
        let groups = rules.groups.isEmpty ? [] : try decodedJSON(groups, of: "groups", [UInt32].self)
        return rules.limits(uid: uid, groups: groups)
    }
}

extension Transaction {
    func owner(_ uid: UInt32) throws -> OwnerRow? { try row(OwnerRow.byNumber, [uid]).map(OwnerRow.init) }

    /// Counts another retry by hand of an owner's jobs.
    func countRetry(of uid: UInt32) throws {
        try execute(
            "UPDATE owners SET retries = CASE WHEN retried_on = ?1 THEN retries ELSE 0 END + 1, retried_on = ?1 "
                + "WHERE uid = ?2",
            [UTCDay(now).rawValue, uid])
    }
}
