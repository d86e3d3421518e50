import Glibc

/// A file system in memory for one thread. Its size can be reduced to the used space, which makes the disk really full.
/// If the process may not mount, it is a plain directory and never full.
final class SmallDisk {
    private static let bytes = 128 << 20
    private static let page = 4096

    let directory: String
    let canFill: Bool
    private(set) var isFull = false
    /// True if an out-of-space error may be correct: the disk is full, or was a moment ago.
    var mayRefuse = false

    /// - Parameter directory: an existing, empty directory.
    init(directory: String) {
        self.directory = directory
        // In a mount namespace of its own, so that the mount ends with the process.
        canFill =
            Self.leaveMountNamespace()
            && mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0
            && mount("tmpfs", directory, "tmpfs", 0, "size=\(Self.bytes)") == 0
    }

    /// The Swift overlay of the C library does not include `unshare(CLONE_NEWNS)`.
    private static func leaveMountNamespace() -> Bool {
        guard let address = dlsym(dlopen(nil, RTLD_NOW), "unshare") else { return false }
        let unshare = unsafeBitCast(address, to: (@convention(c) (CInt) -> CInt).self)
        return unshare(0x0002_0000) == 0
    }

    /// Fills the disk except for this many pages.
    func fill(leavingPages pages: Int) {
        guard canFill else { return }
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return }
        let used = Int(status.f_blocks - status.f_bfree) * Int(status.f_frsize)
        isFull = resize(to: used + pages * Self.page)
    }

    func makeRoom() {
        if isFull { isFull = !resize(to: Self.bytes) }
    }

    func unmount() {
        if canFill { _ = umount2(directory, CInt(MNT_DETACH)) }
    }

    private func resize(to bytes: Int) -> Bool {
        mount("tmpfs", directory, "tmpfs", UInt(MS_REMOUNT), "size=\(bytes)") == 0
    }
}
