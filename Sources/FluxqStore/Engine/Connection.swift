import FluxqModel

/// An open transaction of the database. Not to be used when it is over.
///
/// Statements are text that SQLite and PostgreSQL both understand, with parameters as SQLite has them: `?`, `?1` or `:name`,
/// of one kind in each text. They are prepared once for each connection, so their texts should be few.
///
/// Every function throws `StoreError`, or what a body that it was given throws.
protocol Connection: AnyObject {
    /// The time by the clock that the database is written by.
    var now: Timestamp { get }

    /// false if the database has taken back the whole transaction after a failure: what follows must not run outside of it.
    var isInTransaction: Bool { get }

    /// - Returns: how many rows it changed, without those that triggers changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: Arguments) throws -> Int

    /// Runs `body` with one row after the other, until it returns false.
    func forEachRow(_ sql: String, _ arguments: Arguments, _ body: (Row) throws -> Bool) throws

    /// The next row of a table that numbers its rows gets a number that is so much higher.
    func skipNumbers(_ count: Int64, of table: String) throws

    /// Takes back what `body` wrote if it throws.
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

    /// The first row, if there is one.
    func row(_ sql: String, _ arguments: Arguments = []) throws -> Row? {
        var first: Row?
        try forEachRow(sql, arguments) { row in
            first = row
            return false
        }
        return first
    }

    /// The first column of all rows. A NULL there is a mistake of ours.
    func values<Value: ColumnValue>(_ type: Value.Type, _ sql: String, _ arguments: Arguments = []) throws -> [Value] {
        try rows(sql, arguments).map { row in
            guard let value = Value(row.first) else { preconditionFailure("a row does not hold a \(Value.self)") }
            return value
        }
    }

    /// The first column of the first row; nil if there is none, or for NULL.
    func value<Value: ColumnValue>(_ type: Value.Type, _ sql: String, _ arguments: Arguments = []) throws -> Value? {
        try row(sql, arguments).flatMap { Value($0.first) }
    }
}
