import CLinux
import Glibc
import SystemPackage

/// Connects to a Unix socket with system calls, which can wait while the backlog is full and accept paths that are not
/// text.
package enum UnixConnect {
    /// Blocks for up to `patience` while the listener's backlog is full; does not block if it is zero.
    ///
    /// - Returns: a connected descriptor, which the caller must close.
    package static func connect(to path: BytePath, patience: Duration) throws(SystemError) -> Int32 {
        let waits = patience > .zero
        let type =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | (waits ? 0 : Int32(SOCK_NONBLOCK.rawValue))
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        var code: Errno?
        let deadline = ContinuousClock.now + patience
        repeat {
            if waits {
                let left = max(deadline - .now, .milliseconds(1)).components
                _ = fluxq_set_send_timeout(
                    descriptor, Int(left.seconds), Int(left.attoseconds / 1_000_000_000_000))
            }
            code = connect(descriptor, path)
        } while code == .interrupted
        if let code {
            close(descriptor)
            throw SystemError("connect", code: code)
        }
        return descriptor
    }

    /// - Returns: why it failed; nil if it is connected.
    private static func connect(_ descriptor: Int32, _ path: BytePath) -> Errno? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The last byte stays NUL, to end the path.
        guard path.bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return .fileNameTooLong }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? nil : .last
    }
}
