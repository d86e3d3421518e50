/// The values of a statement's parameters: by position for `?` and `?1`, or by name for `:name`.
struct Arguments: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, Sendable {
    enum Storage: Sendable {
        case ordered([SQLValue])
        case named([String: SQLValue])
    }

    private(set) var storage: Storage

    init(arrayLiteral elements: (any ColumnValue)?...) {
        storage = .ordered(elements.map { $0?.sqlValue ?? .null })
    }

    init(dictionaryLiteral elements: (String, (any ColumnValue)?)...) {
        storage = .named(
            Dictionary(elements.map { ($0, $1?.sqlValue ?? .null) }) { _, _ in
                preconditionFailure("a parameter is given twice")
            })
    }

    init(_ elements: some Sequence<any ColumnValue>) {
        storage = .ordered(elements.map(\.sqlValue))
    }

    /// Joins two sets of arguments; both must be by position, or both by name.
    static func + (one: Arguments, other: Arguments) -> Arguments {
        var sum = one
        sum += other
        return sum
    }

    static func += (one: inout Arguments, other: Arguments) {
        switch (one.storage, other.storage) {
        case (.ordered(let values), .ordered(let more)): one.storage = .ordered(values + more)
        case (.named(let values), .named(let more)):
            one.storage = .named(values.merging(more) { _, _ in preconditionFailure("a parameter is given twice") })
        default: preconditionFailure("parameters by order and by name cannot be mixed")
        }
    }
}
