import Glibc

/// Reads a small file completely: a configuration, a key.
package enum SmallFile {
    package enum ReadError: Error {
        case system(SystemError)
        /// For example a directory, a device, or a pipe.
        case notRegular
        case tooLarge
    }

    package static func read(_ path: String, maxBytes: Int) throws(ReadError) -> [UInt8] {
        // Without O_NONBLOCK, a pipe without a writer would block the start forever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .system(SystemError("open")) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(SystemError("fstat")) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }

        var bytes = [UInt8](repeating: 0, count: maxBytes + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            if got == 0 { break }
            if got > 0 {
                count += got
            } else if errno != EINTR {
                throw .system(SystemError("read"))
            }
        }
        guard count <= maxBytes else { throw .tooLarge }
        return Array(bytes.prefix(count))
    }
}
