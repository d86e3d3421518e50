import FluxqHost
import Glibc
import SystemPackage

/// Small files of the sandbox's directory, by system calls. Everything here blocks: call it off the cooperative pool.
enum SandboxFile {
    /// Only the user who runs the sandbox may read its files.
    private static let mode: mode_t = 0o600

    /// Creates the directory and its missing parents.
    static func createDirectory(_ path: String) throws(SandboxError) {
        if mkdir(path, 0o700) == 0 { return }
        let failure = Errno.last
        if failure == .noSuchFileOrDirectory, let slash = path.dropLast().lastIndex(of: "/"), slash != path.startIndex {
            try createDirectory(String(path[..<slash]))
            if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        }
        guard failure == .fileExists else { throw .file(path: path, doing: "create", failure) }
    }

    /// - Parameter limit: bytes after it are not read.
    /// - Returns: nil if there is no such file.
    static func read(_ path: String, limit: Int) throws(SandboxError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .file(path: path, doing: "read", .last)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < limit {
            let count = Glibc.read(file, &buffer, min(buffer.count, limit - bytes.count))
            if count < 0 {
                if errno == EINTR { continue }
                throw .file(path: path, doing: "read", .last)
            }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Replaces a file completely.
    static func replace(_ path: String, with bytes: [UInt8]) throws(SandboxError) {
        let temporary = "\(path).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw .file(path: temporary, doing: "write", .last) }
        do {
            defer { close(file) }
            try write(bytes, to: file, path: temporary)
        }
        guard rename(temporary, path) == 0 else { throw .file(path: path, doing: "write", .last) }
    }

    /// Opens a descriptor that always writes at the file's end.
    static func openForAppending(_ path: String) throws(SandboxError) -> Int32 {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode)
        guard file >= 0 else { throw .file(path: path, doing: "write", .last) }
        return file
    }

    /// Opens an unnamed file, which is removed when its descriptor is closed or the process ends.
    static func openNameless(in directory: String) throws(SandboxError) -> Int32 {
        let path = "\(directory)/picture-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw .file(path: path, doing: "write", .last) }
        guard unlink(path) == 0 else {
            let failure = Errno.last
            close(file)
            throw .file(path: path, doing: "remove", failure)
        }
        return file
    }

    static func write(_ bytes: [UInt8], to file: Int32, path: String) throws(SandboxError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .file(path: path, doing: "write", .last)
            }
            rest = rest.dropFirst(count)
        }
    }
}
