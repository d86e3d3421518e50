import GRDB
import GRDBSQLite
import Glibc

/// Why the store could not do what it was asked. Nothing was written.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No room or no inode in the file system, or over a quota; goes on when there is.
    case full
    /// Another program has held the database's lock for longer than fluxqd waits.
    case locked(by: LockHolder?)
    /// The disk failed. What the system's cache holds can no longer be believed: the daemon has to exit and recover.
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

    /// After this error nothing may be believed but what a new start reads from the disk.
    package var isFatal: Bool {
        if case .failedDisk = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .full:
            "The file system of the state directory is full, or fluxqd is over its quota there. Make room, in bytes and in files, or raise the quota; then it goes on."
        case .locked(let holder):
            "The database is locked by \(holder.map(\.description) ?? "another program"). End it, or wait for it; then it goes on."
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

extension StoreError {
    /// What an error of the database library means here.
    ///
    /// - Parameters:
    ///   - db: the connection that has just failed: it knows the system's own error.
    ///   - locks: of the database, to tell who holds one.
    init(_ error: any Error, on db: Database? = nil, locks: DatabaseLocks? = nil, path: String = "queue.sqlite") {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self = .other(String(describing: error))
            return
        }
        let detail = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        let isFull = db.map(Self.wasFull) ?? false
        switch error.resultCode {
        case .SQLITE_FULL: self = .full
        case .SQLITE_BUSY: self = .locked(by: locks?.holder())
        // The file that readers and the writer share could not grow.
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE: self = .full
        // SQLite calls a full disk one only where a write said ENOSPC: not a quota, and not what a sync finds out. What such
        // a sync may have dropped is written again by the next transaction, for this one has not happened.
        case .SQLITE_IOERR where isFull, .SQLITE_CANTOPEN where isFull: self = .full
        case .SQLITE_IOERR: self = .failedDisk("\(detail), SQLite error \(error.extendedResultCode.rawValue)")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(detail)
        case .SQLITE_READONLY, .SQLITE_CANTOPEN: self = .readOnly(path: path)
        default: self = .other("\(detail), SQLite error \(error.extendedResultCode.rawValue)")
        }
    }

    /// Whether the connection's trouble with its files was for want of room.
    ///
    /// The connection's own word is not enough: SQLite does not set it where a commit fails. Each file knows its latest error,
    /// which stays when it is over. One that is no want of room decides: such an error ends fluxqd, so it cannot be old.
    static func wasFull(_ db: Database) -> Bool {
        let files = [SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER].map { latestError(of: $0, db) }
        let codes = [sqlite3_system_errno(db.sqliteConnection)] + files
        return !codes.contains(EIO) && codes.contains { $0 == ENOSPC || $0 == EDQUOT }
    }

    /// - Parameter pointer: asks for the database's file, or for the write-ahead log.
    /// - Returns: 0 where there was none, or the file is not open.
    private static func latestError(of pointer: CInt, _ db: Database) -> CInt {
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard sqlite3_file_control(db.sqliteConnection, "main", pointer, &file) == SQLITE_OK, let file,
            let methods = file.pointee.pMethods, let control = methods.pointee.xFileControl
        else { return 0 }
        var code: CInt = 0
        return control(file, SQLITE_FCNTL_LAST_ERRNO, &code) == SQLITE_OK ? code : 0
    }
}
