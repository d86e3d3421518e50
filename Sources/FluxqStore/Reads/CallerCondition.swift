import FluxqModel

// The jobs that a caller may use, as a condition in the WHERE of every query on `jobs`, and nowhere else. For the
// caller, a job that does not match does not exist.
extension Caller {
    /// The condition for one job by its number: the caller is its owner or an administrator. It needs `reachArguments`.
    static let reach = "(jobs.uid = ? OR ?)"

    var reachArguments: Arguments { [uid, isAdministrator] }

    /// The condition for a list: the caller's own jobs, through the index of owners; an administrator may request all.
    ///
    /// - Parameter column: the column with the owner's uid.
    func listCondition(everybody: Bool, column: String) -> (sql: String, arguments: Arguments) {
        everybody && isAdministrator ? ("TRUE", []) : ("\(column) = ?", [uid])
    }
}
