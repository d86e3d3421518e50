import FluxqHost
import Glibc
import Synchronization
import SystemPackage

/// The directory for all of fluxqd's state, locked against a second daemon.
///
/// The lock is held until `release()` or the end of the process. It does not depend on this object's lifetime, which
/// the optimizer may shorten.
package final class StateDirectory: Sendable {
    package static let standardPath = "/var/lib/fluxq"
    private static let lockName = "lock"

    package let path: String
    /// The descriptor of the lock file; nil once released.
    private let lock: Mutex<Int32?>

    private init(path: String, lock: Int32) {
        self.path = path
        self.lock = Mutex(lock)
    }

    /// The directory if none is named: systemd's `StateDirectory=`, otherwise `/var/lib/fluxq`.
    package static func defaultPath(environment: [String: String]) -> String {
        // Several directories are separated by colons; the first one is fluxqd's.
        let first = environment["STATE_DIRECTORY"]?.prefix { $0 != ":" } ?? ""
        return first.isEmpty ? standardPath : String(first)
    }

    /// Creates the directory with mode 0700 if it is missing (its parent must exist), checks it and locks it.
    package static func open(path: String) throws(StateDirectoryError) -> StateDirectory {
        let isNew = mkdir(path, 0o700) == 0
        if !isNew {
            switch errno {
            case EEXIST: break
            case ENOENT: throw .parentMissing(path: path)
            case EACCES, EPERM: throw .notWritable(path: path)
            case EROFS: throw .readOnlyFileSystem(path: path)
            case ENOTDIR: throw .notADirectory(path: path)
            case ENOSPC, EDQUOT: throw .noSpace(path: path)
            default: throw .failed(path: path, SystemError("mkdir"))
            }
        }
        // All further calls use this descriptor, so that the directory cannot be swapped between two checks.
        let directory = uninterrupted { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard directory >= 0 else {
            switch errno {
            case ENOTDIR: throw .notADirectory(path: path)
            case EACCES: throw .notWritable(path: path)
            default: throw .failed(path: path, SystemError("open"))
            }
        }
        defer { close(directory) }
        try check(directory, path: path)
        // The directory must support fsync. A backup may be on a file system that does not; the state may not.
        guard uninterrupted({ fsync(directory) }) == 0 else { throw .failed(path: path, SystemError("fsync")) }
        if isNew { try makeDurable(directory, path: path) }
        return StateDirectory(path: path, lock: try takeLock(in: directory, path: path))
    }

    /// Unlocks the directory for another daemon.
    package func release() {
        lock.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }

    /// A directory's contents are only as durable as its entry in its parent.
    private static func makeDurable(_ directory: Int32, path: String) throws(StateDirectoryError) {
        let parent = uninterrupted { openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard parent >= 0 else {
            // The parent may be searched but not read; its owner is responsible for its contents.
            if errno == EACCES { return }
            throw .failed(path: path, SystemError("open the directory above"))
        }
        defer { close(parent) }
        guard uninterrupted({ fsync(parent) }) == 0 else {
            throw .failed(path: path, SystemError("fsync the directory above"))
        }
    }

    private static func check(_ directory: Int32, path: String) throws(StateDirectoryError) {
        var status = stat()
        guard fstat(directory, &status) == 0 else { throw .failed(path: path, SystemError("fstat")) }
        guard status.st_uid == geteuid() else {
            throw .ownedByAnother(path: path, owner: status.st_uid, daemon: geteuid())
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else { throw .writableByOthers(path: path) }
        guard faccessat(directory, ".", R_OK | W_OK | X_OK, Int32(AT_EACCESS)) == 0 else {
            switch errno {
            case EROFS: throw .readOnlyFileSystem(path: path)
            case EACCES: throw .notWritable(path: path)
            default: throw .failed(path: path, SystemError("faccessat"))
            }
        }
    }

    private static func takeLock(in directory: Int32, path: String) throws(StateDirectoryError) -> Int32 {
        let lock = uninterrupted {
            openat(directory, lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        }
        guard lock >= 0 else {
            switch errno {
            case EACCES, EPERM: throw .notWritable(path: path)
            case EROFS: throw .readOnlyFileSystem(path: path)
            case ENOSPC, EDQUOT: throw .noSpace(path: path)
            default: throw .failed(path: path, SystemError("open \(lockName)"))
            }
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let error = SystemError("flock")
            defer { close(lock) }
            guard error.code == .wouldBlock else { throw .failed(path: path, error) }
            throw .inUse(path: path, processID: holder(lock))
        }
        do throws(SystemError) {
            try writeProcessID(lock)
        } catch {
            // The process id is only for the other daemon's message. On a full disk fluxqd must still start, because
            // reading still works.
            guard error.code.isFull else {
                close(lock)
                throw .failed(path: path, error)
            }
        }
        return lock
    }

    /// Overwrites and then truncates the file, so that a file that already has its block needs no new one.
    private static func writeProcessID(_ lock: Int32) throws(SystemError) {
        let text = Array("\(getpid())\n".utf8)
        var written = 0
        while written < text.count {
            let count = uninterrupted { pwrite(lock, Array(text[written...]), text.count - written, off_t(written)) }
            guard count >= 0 else { throw SystemError("write lock") }
            written += count
        }
        guard uninterrupted({ ftruncate(lock, off_t(text.count)) }) == 0 else { throw SystemError("truncate lock") }
    }

    private static func holder(_ lock: Int32) -> pid_t? {
        var text = [UInt8](repeating: 0, count: 16)
        let count = pread(lock, &text, text.count, 0)
        return pid_t(String(decoding: text.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}

/// Makes a system call, and repeats it if a signal interrupts it.
private func uninterrupted<Value: SignedInteger>(_ call: () -> Value) -> Value {
    while true {
        let value = call()
        if value >= 0 || errno != EINTR { return value }
    }
}
