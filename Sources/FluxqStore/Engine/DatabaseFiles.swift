import Glibc

/// The files that SQLite keeps a database in, as a start has to find and leave them. Every call blocks.
enum DatabaseFiles {
    /// Makes durable what an earlier process has written, and has the system forget what it remembers of the files, so that
    /// SQLite reads what the disk holds.
    ///
    /// A process that was killed between its write and its fsync left a commit that SQLite takes for one, and that nobody
    /// may be told of before it is durable. After an fsync that failed, what the system remembers and what the disk holds
    /// are not the same. To be called before SQLite opens the database, because a close of its file drops SQLite's locks.
    static func settle(_ path: String) throws(StoreError) {
        for file in [path, "\(path)-wal"] where access(file, F_OK) == 0 {
            let descriptor = try open(file, O_RDONLY)
            defer { close(descriptor) }
            try sync(descriptor, file)
            // Only advice: a file system without a disk below it keeps what it has.
            _ = posix_fadvise(descriptor, 0, 0, CInt(POSIX_FADV_DONTNEED))
        }
    }

    /// Whether there is no room for one more small file beside the database. SQLite does not say why it could not make one.
    static func isFull(beside path: String) -> Bool {
        let probe = "\(path)-probe"
        let descriptor = Glibc.open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return errno == ENOSPC || errno == EDQUOT }
        defer {
            _ = unlink(probe)
            close(descriptor)
        }
        let bytes = [UInt8](repeating: 1, count: 4096)
        let count = write(descriptor, bytes, bytes.count)
        return count < 0 && (errno == ENOSPC || errno == EDQUOT) || (0..<bytes.count).contains(count)
    }

    /// The directory of a database, to make the entries durable of what SQLite makes in it. SQLite does that too, but
    /// continues
    /// where it fails.
    ///
    /// To be opened before SQLite opens the database: the system tells of a failed fsync once, but to each descriptor that
    /// was open then.
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
            throw errno == EIO ? .failedDisk(failure("open", path)) : .other(failure("open", path))
        }
        return descriptor
    }

    /// At a start nothing has been told yet that a full disk could belie, so it is no reason to distrust the disk.
    private static func sync(_ descriptor: CInt, _ path: String) throws(StoreError) {
        while fsync(descriptor) != 0 {
            switch errno {
            case EINTR: continue
            case ENOSPC, EDQUOT: throw .full
            default: throw .failedDisk(failure("fsync", path))
            }
        }
    }

    /// Takes `errno`.
    private static func failure(_ call: String, _ path: String) -> String {
        "\(call) \(path): \(String(cString: strerror(errno)))"
    }
}
