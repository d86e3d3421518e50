/// The file system of the state directory has no room: nothing new is called, and what has been paid for waits.
package struct Shortage: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// What is free, and what the next call needs: in MiB, so that it does not change with every byte.
        case space(freeMiB: Int64, neededMiB: Int64)
        /// Inodes that are free, and that the next call needs.
        case files(free: Int64, needed: Int64)
        /// A write found no room, whatever the file system says of itself.
        case full
        /// The free space cannot be read: why, in the words of the operating system.
        case unreadable(why: String)
    }

    package var since: Timestamp
    package var cause: Cause

    package init(since: Timestamp, cause: Cause) {
        self.since = since
        self.cause = cause
    }
}
