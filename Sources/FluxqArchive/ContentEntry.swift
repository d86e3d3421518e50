package import FluxqModel

/// Something that stands among the content of a bucket.
package struct ContentEntry: Hashable, Sendable {
    /// Without a row, content that is younger is not astray: its row may be about to be written.
    package static let grace = Duration.seconds(3600)

    package let path: String
    /// What its name says; nil for what no store of content has put there.
    package let hash: ContentHash?
    package let bytes: Int64
    /// Since it was stored last; negative if that lies in the future.
    package let age: Duration
}
