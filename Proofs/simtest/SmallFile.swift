import FluxqHost
import Glibc

/// Reads, copies and removes small files as a whole.
enum SmallFile {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// - Returns: nil if there is no such file.
    static func bytes(of path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { space, count in
            count = max(0, read(file, space.baseAddress, space.count))
        }
    }

    static func copy(_ from: String, to: String) throws {
        guard let bytes = bytes(of: from) else { return }
        let file = open(to, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        defer { close(file) }
        guard file >= 0, write(file, bytes, bytes.count) == bytes.count else {
            throw Failure(description: "\(SystemError("cannot write \(to)"))")
        }
    }

    /// The names in a directory, sorted.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 else {
            throw Failure(description: "\(SystemError("cannot make \(path)"))")
        }
    }

    /// Copies the state directory of a dead daemon: the database and its log with their current contents, and the
    /// archive.
    ///
    /// The archive is moved, because that is fast. Later writes of the dead daemon's tasks to it fail.
    static func takeState(from: String, to: String) throws {
        try makeDirectory(to)
        for name in ["queue.sqlite", "queue.sqlite-wal"] { try copy("\(from)/\(name)", to: "\(to)/\(name)") }
        for name in ["incoming", "objects"] { try move("\(from)/\(name)", to: "\(to)/\(name)") }
    }

    static func move(_ from: String, to: String) throws {
        guard rename(from, to) == 0 else {
            throw Failure(description: "\(SystemError("cannot move \(from) to \(to)"))")
        }
    }

    /// Sets the modification times of the files back; missing files are skipped.
    static func age(_ paths: [String], by seconds: Int64) {
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            let times = [status.st_atim, timespec(tv_sec: status.st_mtim.tv_sec - Int(seconds), tv_nsec: 0)]
            utimensat(AT_FDCWD, path, times, 0)
        }
    }

    /// Removes the files in a directory's subdirectories.
    static func removeFiles(in directory: String) {
        for name in names(in: directory) {
            for file in names(in: "\(directory)/\(name)") { unlink("\(directory)/\(name)/\(file)") }
        }
    }

    /// Removes a directory with all its contents.
    static func removeTree(_ path: String) {
        for name in names(in: path) where unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)") }
        rmdir(path)
    }
}
