/// The reason why the store could not perform an operation. Nothing was written.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file system has no space or no inodes, or a quota is reached. The store works again when there is room.
    case full
    /// Another program has held the database's lock for longer than fluxqd waits.
    case locked(by: LockHolder?)
    /// The disk failed. The system's cache can no longer be trusted: the daemon must exit and recover.
    case failedDisk(String)
    /// The file is no database, or a damaged one.
    case damaged(String)
    /// The database was written by a newer fluxq.
    case newerSchema(path: String, migrations: [String])
    /// The database was written by an older fluxq, and this process must not bring it up to date.
    case olderSchema(path: String)
    /// The state directory cannot be written.
    case readOnly(path: String)
    case other(String)

    /// True if only the data that a new start reads from the disk can be trusted.
    package var isFatal: Bool {
        if case .failedDisk = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .full:
            "The file system of the state directory is full, or fluxqd has reached its quota. Free some space and "
                + "inodes, or raise the quota; then it continues."
        case .locked(let holder):
            "The database is locked by \(holder.map(\.description) ?? "another program"). Stop it, or wait until it "
                + "ends; then fluxqd continues."
        case .failedDisk(let detail):
            "The disk failed under the database (\(detail)). Look at the system's log for the cause, then start fluxqd again."
        case .damaged(let detail):
            "The database is damaged (\(detail)). Stop fluxqd and restore the state directory from a backup."
        case .newerSchema(let path, let migrations):
            "The database \(path) was written by a newer fluxq (\(migrations.joined(separator: ", "))). Install that version again; this one has changed nothing."
        case .olderSchema(let path):
            "The database \(path) was written by an older fluxq. Start fluxqd once: it brings it up to date."
        case .readOnly(let path):
            "The database \(path) cannot be written. Make the state directory writable for the user that fluxqd runs as."
        case .other(let detail):
            "The database refused: \(detail)"
        }
    }
}
