/// The free space of a file system.
package struct FreeSpace: Hashable, Sendable {
    package let bytes: Int64
    /// Free inodes; nil if the file system creates inodes as needed.
    package let files: Int64?
}
