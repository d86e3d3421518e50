import Glibc

/// A directory that is opened once, and whose path nobody but root and the caller can lead elsewhere: neither the directories
/// above it nor the links in its path are another user's, or can be replaced by one.
package final class TrustedDirectory: Sendable {
    /// Why a path is not trusted: a part of a sentence.
    package struct Distrust: Error {
        package let path: String
        package let why: String
    }

    /// For the `*at` calls.
    let descriptor: CInt
    /// Leads to this directory, whatever its name leads to by then, for those who take a path.
    var path: String { "/proc/self/fd/\(descriptor)" }

    private static let mostLinks = 40

    deinit { close(descriptor) }

    /// - Parameter path: of a directory that is there.
    package init(_ path: String) throws(Distrust) {
        descriptor = try Self.walk(path)
    }

    /// - Parameter name: of a directory in another one.
    init(_ name: String, in parent: TrustedDirectory, path: String) throws(Distrust) {
        descriptor = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    /// Refuses what others can write, though its entries be protected from them, and what is not the caller's.
    ///
    /// - Parameter isRootTrusted: whether root's is as good.
    package func checkIsOwn(_ path: String, isRootTrusted: Bool = false) throws(Distrust) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path) }
        try Self.check(status, path, isStickyEnough: false)
        guard status.st_uid == geteuid() || isRootTrusted && status.st_uid == 0 else {
            throw Distrust(path: path, why: "belongs to the user with number \(status.st_uid)")
        }
    }

    /// The same of directories in it, where they are there, none of which may be a link.
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

    /// From the root down, each component by itself.
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
        Distrust(path: path, why: "cannot be opened: \(String(cString: strerror(errno)))")
    }
}
