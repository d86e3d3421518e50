import Glibc
import Synchronization

/// A program that holds a lock.
package struct LockHolder: Hashable, Sendable, CustomStringConvertible {
    package let processID: Int32
    /// As the kernel has it; nil if the process may not be looked at.
    package let name: String?

    package init(processID: Int32, name: String?) {
        self.processID = processID
        self.name = name
    }

    /// `process 123 (sqlite3)`.
    package var description: String { "process \(processID)" + (name.map { " (\($0))" } ?? "") }
}

/// Finds out who else holds SQLite's locks on a database. Every call blocks, for no longer than the kernel takes.
///
/// The descriptors are opened when they are first needed and never closed: a close of any descriptor of a file drops all
/// locks that the process holds on it, and with them those of SQLite.
final class DatabaseLocks: Sendable {
    /// Where SQLite locks bytes: in the index of the write-ahead log the writer's and the recovery's, in the database what
    /// a program holds that writes without the log.
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

    /// nil if nobody holds one any more, or the kernel does not say who.
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

    /// - Parameter type: of the lock that somebody keeps others from.
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
