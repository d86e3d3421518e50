import FluxqModel

/// An open transaction of the database. It must not be used after its end.
///
/// Statements are text that SQLite and PostgreSQL both understand. Parameters have SQLite's forms: `?`, `?1` or
/// `:name`, with only one form in each text. Statements are prepared once for each connection, so the number of texts
/// should be small.
///
/// Every function throws `StoreError`, or the error of a body that it was given.
protocol Connection: AnyObject {
    /// The time of the clock that the database uses for its writes.
    var now: Timestamp { get }

    /// false if the database has rolled back the whole transaction after a failure: later statements must not run
    /// outside of it.
    var isInTransaction: Bool { get }

    /// - Returns: the number of rows that it changed, without rows that triggers changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: Arguments) throws -> Int

    /// Calls `body` with one row after the other, until it returns false.
    func forEachRow(_ sql: String, _ arguments: Arguments, _ body: (Row) throws -> Bool) throws

    /// Increases the next row number of a table with automatic numbers by that count.
    func skipNumbers(_ count: Int64, of table: String) throws

    /// Rolls back the writes of `body` if it throws.
    func savepoint(_ body: () throws -> Void) throws
}

extension Connection {
    @discardableResult
    func execute(_ sql: String) throws -> Int { try execute(sql, []) }

    func rows(_ sql: String, _ arguments: Arguments = []) throws -> [Row] {
        var rows: [Row] = []
        try forEachRow(sql, arguments) { row in
            rows.append(row)
            return true
        }
        return rows
    }

    /// Returns the first row; nil if there is none.
    func row(_ sql: String, _ arguments: Arguments = []) throws -> Row? {
        var first: Row?
        try forEachRow(sql, arguments) { row in
            first = row
            return false
        }
        return first
    }

    /// Returns the first column of all rows. NULL is a programming error.
    func values<Value: ColumnValue>(_ type: Value.Type, _ sql: String, _ arguments: Arguments = []) throws -> [Value] {
        try rows(sql, arguments).map { row in
            guard let value = Value(row.first) else { preconditionFailure("a row does not hold a \(Value.self)") }
            return value
        }
    }

    /// Returns the first column of the first row; nil if there is none, or for NULL.
    func value<Value: ColumnValue>(_ type: Value.Type, _ sql: String, _ arguments: Arguments = []) throws -> Value? {
        try row(sql, arguments).flatMap { Value($0.first) }
    }
}
