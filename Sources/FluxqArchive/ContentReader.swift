package import FluxqModel

/// Read-only access to stored content. It may be used beside the daemon, which changes the content.
///
/// Content is named by the SHA-256 of its bytes and never changes. Every call suspends until it is done and blocks no
/// thread of Swift's tasks. Errors are of type `ArchiveError`; missing content is a return value, not an error.
package protocol ContentReader: Sendable {
    /// Returns where a content is or would be stored, for messages to people.
    func path(of hash: ContentHash) -> String

    /// Returns where the content of a bucket is stored, for messages to people.
    func path(ofBucket bucket: UInt8) -> String

    /// Returns the entries of a bucket, in no order, whether a row refers to them or not.
    /// - Parameter bucket: one of `ContentBuckets.all`.
    /// - Returns: nil if the bucket itself is missing, for example because a file system is not mounted. That says
    ///   nothing about its content.
    func entries(in bucket: UInt8) async throws(ArchiveError) -> [ContentEntry]?

    /// Returns the size of a content in bytes, whether it is whole or not; nil if there is no such content.
    func size(of hash: ContentHash) async throws(ArchiveError) -> Int64?

    /// Opens a content after it has read every byte and compared the hash.
    /// - Returns: nil unless it is whole.
    func openVerified(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile?

    /// Reads a content completely and compares its hash with its name.
    func condition(of hash: ContentHash) async throws(ArchiveError) -> ObjectCondition
}
