package import FluxqModel

/// The condition of a content's bytes.
package enum ObjectCondition: Hashable, Sendable {
    /// The hash of the bytes is the content's name.
    case whole(bytes: Int64)
    /// The bytes have another hash: a bit has flipped, or the file ends early.
    case damaged(actual: ContentHash, bytes: Int64)
    /// The disk fails to read the bytes.
    case unreadable(String)
    case missing
}
