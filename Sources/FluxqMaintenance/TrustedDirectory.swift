import FluxqHost
import Glibc
import SystemPackage

/// A directory that is opened once, and whose path only root and the caller can redirect. The directories above it and
/// the links in its path do not belong to other users, and other users cannot replace them.
package final class TrustedDirectory: Sendable {
    /// The reason why a path is not trusted, as a part of a sentence.
    package struct Distrust: Error {
        package let path: String
        package let why: String
    }

    /// For the `*at` system calls.
    let descriptor: CInt
    /// A path for code that needs one. It leads to this directory even if the original path leads elsewhere by then.
    var path: String { "/proc/self/fd/\(descriptor)" }

    private static let mostLinks = 40

    deinit { close(descriptor) }

    /// - Parameter path: the path of an existing directory.
    package init(_ path: String) throws(Distrust) {
        descriptor = try Self.walk(path)
    }

    /// - Parameter name: the name of a directory in `parent`.
    init(_ name: String, in parent: TrustedDirectory, path: String) throws(Distrust) {
        descriptor = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    /// Refuses a directory that others can write, even if its entries are protected from them, and one that is not the
    /// caller's.
    ///
    /// - Parameter isRootTrusted: true if root's directories are accepted too.
    package func checkIsOwn(_ path: String, isRootTrusted: Bool = false) throws(Distrust) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path) }
        try Self.check(status, path, isStickyEnough: false)
        guard status.st_uid == geteuid() || isRootTrusted && status.st_uid == 0 else {
            throw Distrust(path: path, why: "belongs to the user with number \(status.st_uid)")
        }
    }

    /// Does the same for directories in it that exist. None of them may be a link.
    func checkIsOwn(_ names: [String], of path: String) throws(Distrust) {
        for name in names {
            var status = stat()
            guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                if errno == ENOENT { continue }
                throw Self.failure("\(path)/\(name)")
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw Distrust(path: "\(path)/\(name)", why: "is not a directory")
            }
            try Self.check(status, "\(path)/\(name)", isStickyEnough: false)
        }
    }

    /// Opens the path from the root down, component by component.
    private static func walk(_ path: String) throws(Distrust) -> CInt {
        var left = Array(components(try absolute(path)).reversed())
        var walked = ""
        var directory = try root()
        do throws(Distrust) {
            var links = 0
            while let name = left.popLast() {
                let whole = "\(walked)/\(name)"
                var status = stat()
                guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw failure(whole) }
                if status.st_mode & S_IFMT == S_IFLNK {
                    links += 1
                    guard status.st_uid == 0 || status.st_uid == geteuid(), links <= mostLinks else {
                        throw Distrust(path: whole, why: "is a link that belongs to another user")
                    }
                    let destination = try target(of: name, in: directory, whole)
                    left += components(destination).reversed()
                    if destination.hasPrefix("/") {
                        close(directory)
                        (directory, walked) = (try root(), "")
                    }
                    continue
                }
                let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard next >= 0 else { throw failure(whole) }
                close(directory)
                (directory, walked) = (next, whole)
                guard fstat(directory, &status) == 0 else { throw failure(whole) }
                try check(status, whole, isStickyEnough: true)
            }
        } catch {
            close(directory)
            throw error
        }
        return directory
    }

    private static func check(_ status: stat, _ path: String, isStickyEnough: Bool) throws(Distrust) {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw Distrust(path: path, why: "belongs to the user with number \(status.st_uid)")
        }
        let isOthers = status.st_mode & (S_IWGRP | S_IWOTH) != 0
        guard !isOthers || isStickyEnough && status.st_mode & mode_t(S_ISVTX) != 0 else {
            throw Distrust(path: path, why: "can be written by other users")
        }
    }

    private static func root() throws(Distrust) -> CInt {
        let root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw failure("/") }
        return root
    }

    private static func absolute(_ path: String) throws(Distrust) -> String {
        if path.hasPrefix("/") { return path }
        var memory = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard let here = getcwd(&memory, memory.count) else { throw failure(".") }
        return "\(String(cString: here))/\(path)"
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    private static func target(of name: String, in directory: CInt, _ path: String) throws(Distrust) -> String {
        var memory = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(directory, name, &memory, memory.count)
        guard count > 0, count < memory.count else { throw failure(path) }
        return String(decoding: memory.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func failure(_ path: String) -> Distrust {
        Distrust(path: path, why: "cannot be opened: \(Errno.last)")
    }
}
