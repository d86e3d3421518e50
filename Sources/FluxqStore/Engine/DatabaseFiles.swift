import FluxqHost
import Glibc
import SystemPackage

/// The files of an SQLite database, and their treatment at a start. Every call blocks.
enum DatabaseFiles {
    /// Makes the writes of an earlier process durable, and drops the system's cache of the files, so that SQLite reads
    /// the contents of the disk.
    ///
    /// A process that was killed between a write and its fsync left a commit that SQLite accepts, but that no client
    /// may see before it is durable. After a failed fsync, the cache and the disk may differ. Call this before SQLite
    /// opens the database, because closing a descriptor of its file drops SQLite's locks.
    static func settle(_ path: String) throws(StoreError) {
        for file in [path, "\(path)-wal"] where access(file, F_OK) == 0 {
            let descriptor = try open(file, O_RDONLY)
            defer { close(descriptor) }
            try sync(descriptor, file)
            // This is only advice: a file system without a disk, such as tmpfs, keeps the data.
            _ = posix_fadvise(descriptor, 0, 0, CInt(POSIX_FADV_DONTNEED))
        }
    }

    /// True if there is no room for another small file beside the database. SQLite does not say why it could not create
    /// one.
    static func isFull(beside path: String) -> Bool {
        let probe = "\(path)-probe"
        let descriptor = Glibc.open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return Errno.last.isFull }
        defer {
            _ = unlink(probe)
            close(descriptor)
        }
        let bytes = [UInt8](repeating: 1, count: 4096)
        let count = write(descriptor, bytes, bytes.count)
        return count < 0 && Errno.last.isFull || (0..<bytes.count).contains(count)
    }

    /// The directory of a database, open so that the entries which SQLite creates in it can be made durable. SQLite
    /// syncs them too, but continues if that fails.
    ///
    /// Open it before SQLite opens the database: the system reports a failed fsync once to each descriptor that was
    /// open at that time.
    struct Directory: ~Copyable {
        private let path: String
        private let descriptor: CInt

        init(of database: String) throws(StoreError) {
            let end = database.lastIndex(of: "/")
            path = end.map { $0 == database.startIndex ? "/" : String(database[..<$0]) } ?? "."
            descriptor = try DatabaseFiles.open(path, O_RDONLY | O_DIRECTORY)
        }

        deinit { close(descriptor) }

        func sync() throws(StoreError) {
            try DatabaseFiles.sync(descriptor, path)
        }
    }

    private static func open(_ path: String, _ flags: CInt) throws(StoreError) -> CInt {
        var descriptor: CInt
        repeat { descriptor = Glibc.open(path, flags | O_CLOEXEC) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else {
            let error = SystemError("open \(path)")
            throw error.code == .ioError ? .failedDisk("\(error)") : .other("\(error)")
        }
        return descriptor
    }

    /// At a start nothing has been acknowledged yet that a full disk could invalidate, so a full disk is no reason to
    /// distrust it.
    private static func sync(_ descriptor: CInt, _ path: String) throws(StoreError) {
        while fsync(descriptor) != 0 {
            let error = SystemError("fsync \(path)")
            if error.code == .interrupted { continue }
            throw error.code.isFull ? .full : .failedDisk("\(error)")
        }
    }
}
