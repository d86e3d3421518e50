import FluxqModel

// Whose jobs a caller may touch, as a condition of every query on `jobs`. It stands in the WHERE and nowhere else: a job
// that it leaves out is not there.
extension Caller {
    /// For one job by its number: its owner's, or an administrator's. Takes `reachArguments`.
    static let reach = "(jobs.uid = ? OR ?)"

    var reachArguments: Arguments { [uid, isAdministrator] }

    /// For a list: the caller's own, by the owner's index; an administrator may ask for everybody's.
    ///
    /// - Parameter column: the owner's number.
    func listCondition(everybody: Bool, column: String) -> (sql: String, arguments: Arguments) {
        everybody && isAdministrator ? ("TRUE", []) : ("\(column) = ?", [uid])
    }
}
