package import FluxqModel

/// An entry of a bucket.
package struct ContentEntry: Hashable, Sendable {
    /// Younger content without a row is not stray: its row may be about to be written.
    package static let grace = Duration.seconds(3600)

    package let path: String
    /// The hash that its name gives; nil if no content store created the entry.
    package let hash: ContentHash?
    package let bytes: Int64
    /// Time since it was last stored; negative if that lies in the future.
    package let age: Duration
}
