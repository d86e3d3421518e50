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
        for file in [path, "\(path)-wal"] {
            try withDescriptor(of: file, O_RDONLY) { (descriptor) throws(StoreError) in
                try sync(descriptor, file)
                // Only advice: a file system without a disk below it keeps what it has.
                _ = posix_fadvise(descriptor, 0, 0, CInt(POSIX_FADV_DONTNEED))
            }
        }
    }

    /// Makes the entries of the files that SQLite has made durable. SQLite does that too, but goes on where it fails.
    static func syncDirectory(of path: String) throws(StoreError) {
        let end = path.lastIndex(of: "/")
        let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        try withDescriptor(of: directory, O_RDONLY | O_DIRECTORY) { (descriptor) throws(StoreError) in
            try sync(descriptor, directory)
        }
    }

    /// Does nothing where there is no such file.
    private static func withDescriptor(
        of path: String, _ flags: CInt, _ body: (CInt) throws(StoreError) -> Void
    ) throws(StoreError) {
        var descriptor: CInt
        repeat { descriptor = open(path, flags | O_CLOEXEC) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw errno == EIO ? .failedDisk(failure("open", path)) : .other(failure("open", path))
        }
        defer { close(descriptor) }
        try body(descriptor)
    }

    private static func sync(_ descriptor: CInt, _ path: String) throws(StoreError) {
        while fsync(descriptor) != 0 {
            if errno != EINTR { throw .failedDisk(failure("fsync", path)) }
        }
    }

    /// Takes `errno`.
    private static func failure(_ call: String, _ path: String) -> String {
        "\(call) \(path): \(String(cString: strerror(errno)))"
    }
}
