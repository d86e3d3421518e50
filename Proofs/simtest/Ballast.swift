import Glibc

/// A file system in memory of the simulation's own, which a file of ballast fills up: a full disk is a real one.
/// Where the process may not mount, it is a plain directory, and never full.
final class Ballast {
    private static let megabytes = 16

    let directory: String
    let canFill: Bool
    private(set) var isFull = false

    /// - Parameter directory: one that exists and is empty.
    init(directory: String) {
        self.directory = directory
        // In a mount namespace of its own, so that the mount goes with the process.
        canFill =
            Self.leaveMountNamespace()
            && mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0
            && mount("tmpfs", directory, "tmpfs", 0, "size=\(Self.megabytes)m") == 0
    }

    /// The overlay of the system's library leaves `unshare(CLONE_NEWNS)` out.
    private static func leaveMountNamespace() -> Bool {
        guard let address = dlsym(dlopen(nil, RTLD_NOW), "unshare") else { return false }
        let unshare = unsafeBitCast(address, to: (@convention(c) (CInt) -> CInt).self)
        return unshare(0x0002_0000) == 0
    }

    func unmount() {
        if canFill { _ = umount2(directory, CInt(MNT_DETACH)) }
    }

    private var path: String { "\(directory)/ballast" }

    /// Takes all room but so many pages.
    func fill(leavingPages pages: Int) {
        guard canFill else { return }
        let file = open(path, O_RDWR | O_CREAT, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        isFull = true
        var size = 0
        var chunk = 1 << 20
        while chunk >= 4096 {
            if posix_fallocate(file, size, chunk) == 0 { size += chunk } else { chunk /= 4 }
        }
        ftruncate(file, max(0, size - pages * 4096))
    }

    func makeRoom() {
        guard isFull else { return }
        unlink(path)
        isFull = false
    }
}
