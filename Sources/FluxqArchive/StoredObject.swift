package import FluxqModel

/// Content that is durable in the archive.
package struct StoredObject: Hashable, Sendable {
    package let hash: ContentHash
    package let bytes: Int64
}
