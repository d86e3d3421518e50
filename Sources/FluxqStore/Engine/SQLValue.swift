/// A column value, independent of the engine.
enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
}
