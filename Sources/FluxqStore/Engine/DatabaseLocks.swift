import Glibc
import Synchronization

/// A program that holds a lock.
package struct LockHolder: Hashable, Sendable, CustomStringConvertible {
    package let processID: Int32
    /// The name that the kernel reports; nil if the process may not be inspected.
    package let name: String?

    package init(processID: Int32, name: String?) {
        self.processID = processID
        self.name = name
    }

    /// For example `process 123 (sqlite3)`.
    package var description: String { "process \(processID)" + (name.map { " (\($0))" } ?? "") }
}

/// Finds another process that holds SQLite's locks on a database. Every call blocks, but only for a system call.
///
/// The descriptors are opened when they are first needed and never closed: closing any descriptor of a file drops all
/// locks that the process holds on it, and so those of SQLite.
final class DatabaseLocks: Sendable {
    /// The bytes that SQLite locks. In the index of the write-ahead log these are the writer's and the recovery's
    /// locks; in the database, the lock of a program that writes without the log.
    private enum Region {
        static let log: [(start: Int, length: Int)] = [(120, 1), (122, 1)]
        static let database = (start: 0x4000_0000, length: 512)
    }

    private let database: OpenedOnce
    private let index: OpenedOnce

    init(path: String) {
        database = OpenedOnce(path: path)
        index = OpenedOnce(path: "\(path)-shm")
    }

    /// The process that holds a lock; nil if there is none any more, or the kernel does not report it.
    func holder() -> LockHolder? {
        for region in Region.log {
            if let found = index.holder(of: F_WRLCK, region.start, region.length) { return found }
        }
        return database.holder(of: F_RDLCK, Region.database.start, Region.database.length)
    }
}

/// A descriptor that stays open to the end of the process.
private final class OpenedOnce: Sendable {
    private let path: String
    private let descriptor = Mutex<CInt?>(nil)

    init(path: String) {
        self.path = path
    }

    /// - Parameter type: the type of lock that the holder's lock conflicts with.
    func holder(of type: CInt, _ start: Int, _ length: Int) -> LockHolder? {
        guard let descriptor = opened() else { return nil }
        var lock = flock()
        lock.l_type = Int16(type)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = off_t(start)
        lock.l_len = off_t(length)
        guard fcntl(descriptor, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK), lock.l_pid > 0 else { return nil }
        return LockHolder(processID: lock.l_pid, name: Self.name(of: lock.l_pid))
    }

    private func opened() -> CInt? {
        descriptor.withLock { descriptor in
            if descriptor == nil, case let new = open(path, O_RDONLY | O_CLOEXEC), new >= 0 { descriptor = new }
            return descriptor
        }
    }

    private static func name(of process: Int32) -> String? {
        let file = open("/proc/\(process)/comm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(file, &bytes, bytes.count)
        let name = String(decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return name.isEmpty ? nil : name
    }
}
