package import FluxqModel

/// How the bytes of a content are.
package enum ObjectCondition: Hashable, Sendable {
    /// Their hash is its name.
    case whole(bytes: Int64)
    /// They have another one: a bit has flipped, or the file ends early.
    case damaged(actual: ContentHash, bytes: Int64)
    /// The disk does not give them back.
    case unreadable(String)
    case missing
}
