package import FluxqModel

/// Stored content, for those who look: nothing here changes it, so it may be used beside the daemon that does.
///
/// Content is named by the SHA-256 of its bytes and never changes. Every call suspends until it has been done and blocks
/// no thread of Swift's tasks. What is thrown is an `ArchiveError`; content that is not there is an answer, not an error.
package protocol ContentReader: Sendable {
    /// Where a content lies, or would, for messages to people.
    func path(of hash: ContentHash) -> String

    /// Where the content of a bucket lies, for messages to people.
    func path(ofBucket bucket: UInt8) -> String

    /// What there is in a bucket, in no order, whether a row refers to it or not.
    /// - Parameter bucket: one of `ContentBuckets.all`.
    /// - Returns: nil if the bucket itself is not there, as when a file system is not mounted: that says nothing about its
    ///   content.
    func entries(in bucket: UInt8) async throws(ArchiveError) -> [ContentEntry]?

    /// Bytes of a content, whatever they are; nil if there is no such content.
    func size(of hash: ContentHash) async throws(ArchiveError) -> Int64?

    /// Opens a content after every byte of it has been read and compared with its hash.
    /// - Returns: nil unless it is whole.
    func openVerified(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile?

    /// Reads a content from its first byte to its last and compares its hash with its name.
    func condition(of hash: ContentHash) async throws(ArchiveError) -> ObjectCondition
}
