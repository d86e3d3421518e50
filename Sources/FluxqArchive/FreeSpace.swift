/// What a file system still takes.
package struct FreeSpace: Hashable, Sendable {
    package let bytes: Int64
    /// Inodes; nil if the file system makes them as they are needed.
    package let files: Int64?
}
