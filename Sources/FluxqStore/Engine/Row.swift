import FluxqModel
import FoundationEssentials

/// A row of a result: a copy, which outlives the statement.
struct Row: Sendable {
    private let columns: [String]
    private let values: [SQLValue]

    /// - Parameters:
    /// - columns: the names of the columns; if several have the same name, the first one is used.
    ///   - values: one for each column.
    init(columns: [String], values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    /// The value of the first column.
    var first: SQLValue { values.first ?? .null }

    /// A column of the result that is not NULL; anything else is a programming error.
    subscript<Value: ColumnValue>(_ column: String) -> Value {
        guard let value = Value(self[sql: column]) else {
            preconditionFailure("column \(column) does not hold a \(Value.self)")
        }
        return value
    }

    /// nil for NULL.
    subscript<Value: ColumnValue>(_ column: String) -> Value? { Value(self[sql: column]) }

    /// The value of the column at this position, from 0. This is for queries with many rows, because a name is looked
    /// up in each row.
    subscript<Value: ColumnValue>(_ place: Int) -> Value {
        guard let value = Value(values[place]) else {
            preconditionFailure("column \(columns[place]) does not hold a \(Value.self)")
        }
        return value
    }

    subscript<Value: ColumnValue>(_ place: Int) -> Value? { Value(values[place]) }

    func isNull(_ column: String) -> Bool { self[sql: column] == .null }

    private subscript(sql column: String) -> SQLValue {
        guard let index = columns.firstIndex(of: column) else {
            preconditionFailure("the statement gives no column \(column)")
        }
        return values[index]
    }

    /// A column whose values the schema's CHECKs restrict to a closed set.
    func choice<Choice: RawRepresentable<String>>(_ column: String, _ type: Choice.Type = Choice.self) throws -> Choice
    {
        try Self.choice(self[column], of: column)
    }

    func choice<Choice: RawRepresentable<String>>(at place: Int, _ type: Choice.Type = Choice.self) throws -> Choice {
        try Self.choice(self[place], of: columns[place])
    }

    private static func choice<Choice: RawRepresentable<String>>(_ text: String, of column: String) throws -> Choice {
        guard let choice = Choice(rawValue: text) else {
            throw StoreError.damaged("column \(column) holds \"\(text)\"")
        }
        return choice
    }

    /// A column of JSON text.
    func json<Value: Decodable>(_ column: String, _ type: Value.Type = Value.self) throws -> Value? {
        guard let text: String = self[column] else { return nil }
        return try decodedJSON(text, of: column, type)
    }
}

/// The value of JSON text in a column.
func decodedJSON<Value: Decodable>(_ text: String, of column: String, _ type: Value.Type) throws -> Value {
    do {
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
        throw StoreError.damaged("column \(column) does not hold what fluxq writes there")
    }
}

/// Encodes a value as JSON text with its keys in a fixed order.
func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
