import FluxqModel

/// A row of `owners`, as the limits see it.
struct OwnerRow {
    let uid: UInt32
    let name: String
    /// Nobody knows whose the number is.
    let isHeldBack: Bool
    let queued: Int64
    let running: Int64
    let archiveBytes: Int64
    let unusedInputBytes: Int64
    let keptBytes: Int64
    /// Those by hand on `retriedOn`.
    private let retries: Int64
    private let retriedOn: Int64
    private let row: Row

    init(_ row: Row) {
        self.row = row
        uid = row["uid"]
        name = row["name"]
        isHeldBack = !row.isNull("came_as")
        queued = row["queued"]
        running = row["running"]
        archiveBytes = row["archive_bytes"]
        unusedInputBytes = row["unused_input_bytes"]
        keptBytes = row["kept_bytes"]
        retries = row["retries"]
        retriedOn = row["retried_on"]
    }

    /// What is counted in the row itself; of the calls of that day nothing.
    func use(on day: UTCDay) -> UserUse {
        UserUse(
            queued: queued, retriesToday: retriedOn == day.rawValue ? retries : 0, unusedInputBytes: unusedInputBytes,
            archiveBytes: archiveBytes, keptBytes: keptBytes)
    }

    func limits(_ rules: LimitRules) throws -> UserLimits {
        // Memberships are only read where they can matter.
        let groups = rules.groups.isEmpty ? [] : try row.json("groups", [UInt32].self) ?? []
        return rules.limits(uid: uid, groups: groups)
    }
}

extension Transaction {
    func owner(_ uid: UInt32) throws -> OwnerRow? {
        try row("SELECT * FROM owners WHERE uid = ?", [uid]).map(OwnerRow.init)
    }

    /// Counts one more retry by hand of an owner's jobs.
    func countRetry(of uid: UInt32) throws {
        try execute(
            "UPDATE owners SET retries = iif(retried_on = ?1, retries, 0) + 1, retried_on = ?1 WHERE uid = ?2",
            [UTCDay(now).rawValue, uid])
    }
}
