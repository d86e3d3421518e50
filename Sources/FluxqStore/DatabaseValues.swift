import FluxqModel
import FoundationEssentials
import GRDB

// How the model's values stand in columns.

extension Timestamp: DatabaseValueConvertible, StatementColumnConvertible {
    var databaseValue: DatabaseValue { rawValue.databaseValue }

    static func fromDatabaseValue(_ value: DatabaseValue) -> Timestamp? {
        Int64.fromDatabaseValue(value).map(Timestamp.init(rawValue:))
    }

    init(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(rawValue: Int64(sqliteStatement: sqliteStatement, index: index))
    }
}

extension JobID: DatabaseValueConvertible, StatementColumnConvertible {
    var databaseValue: DatabaseValue { rawValue.databaseValue }

    static func fromDatabaseValue(_ value: DatabaseValue) -> JobID? {
        Int64.fromDatabaseValue(value).map(JobID.init(rawValue:))
    }

    init(sqliteStatement: SQLiteStatement, index: CInt) {
        self.init(rawValue: Int64(sqliteStatement: sqliteStatement, index: index))
    }
}

extension ContentHash: DatabaseValueConvertible {
    var databaseValue: DatabaseValue { hex.databaseValue }

    static func fromDatabaseValue(_ value: DatabaseValue) -> ContentHash? {
        String.fromDatabaseValue(value).flatMap { ContentHash(hex: $0) }
    }
}

extension Row {
    /// A column that the schema's CHECKs keep to a closed set.
    func choice<Choice: RawRepresentable<String>>(_ column: String, _ type: Choice.Type = Choice.self) throws -> Choice
    {
        let text: String = self[column]
        guard let choice = Choice(rawValue: text) else {
            throw StoreError.damaged("column \(column) holds \"\(text)\"")
        }
        return choice
    }

    /// A column of JSON text.
    func json<Value: Decodable>(_ column: String, _ type: Value.Type = Value.self) throws -> Value? {
        guard let text: String = self[column] else { return nil }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw StoreError.damaged("column \(column) does not hold what fluxq writes there")
        }
    }
}

/// JSON text with its keys in a fixed order.
func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
