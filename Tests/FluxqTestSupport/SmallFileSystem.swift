import Foundation

/// A real file system of a fixed size, mounted on a directory until this object is released.
package final class SmallFileSystem: Sendable {
    package let path: String

    /// - Parameter options: the mount options of tmpfs.
    package init(on path: String, options: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, options) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    deinit {
        umount2(path, CInt(MNT_DETACH))
    }

    /// Root may mount, but not in every container.
    package static let isPossible: Bool = {
        do {
            let directory = try TemporaryDirectory()
            _ = try SmallFileSystem(on: directory.path("small"), options: "size=1m")
            return true
        } catch {
            return false
        }
    }()

    private var ballast: String { "\(path)/ballast" }

    /// Fills it until that many bytes are left; 0 fills it completely.
    package func fill(leaving free: Int = 0) throws {
        let descriptor = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0x55, count: 4096)
        while try freeBytes() > free {
            if write(descriptor, block, block.count) < 0 {
                if errno == ENOSPC { return }
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
        }
    }

    package func empty() {
        unlink(ballast)
    }

    private func freeBytes() throws -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }
}
