import FluxqModel

/// A type that a column can store.
protocol ColumnValue: Sendable {
    /// - Returns: nil if the value is of another kind, including NULL.
    init?(_ value: SQLValue)

    var sqlValue: SQLValue { get }
}

extension Int64: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self = number
    }

    var sqlValue: SQLValue { .integer(self) }
}

extension ColumnValue where Self: FixedWidthInteger {
    init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self.init(exactly: number)
    }

    var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Int: ColumnValue {}

extension UInt32: ColumnValue {}

extension Bool: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self = number != 0
    }

    var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

extension String: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .text(let text) = value else { return nil }
        self = text
    }

    var sqlValue: SQLValue { .text(self) }
}

extension Timestamp: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self.init(rawValue: number)
    }

    var sqlValue: SQLValue { .integer(rawValue) }
}

extension JobID: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .integer(let number) = value else { return nil }
        self.init(rawValue: number)
    }

    var sqlValue: SQLValue { .integer(rawValue) }
}

extension StoredMessage: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .text(let json) = value else { return nil }
        self.init(json: json)
    }

    var sqlValue: SQLValue { .text(json) }
}

extension ContentHash: ColumnValue {
    init?(_ value: SQLValue) {
        guard case .text(let hex) = value else { return nil }
        self.init(hex: hex)
    }

    var sqlValue: SQLValue { .text(hex) }
}
