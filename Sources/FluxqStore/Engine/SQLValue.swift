/// A value of a column, as every engine has it.
enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
}
