import FluxqHost
import Glibc
import SystemPackage

/// Reserves a directory for one stand-in at a time, until the process ends. A new stand-in reuses the port of earlier
/// links, so it must wait until the previous one has released it.
package enum DirectoryClaim {
    /// Creates the directory if it is missing, and waits while another process uses it. Blocks.
    ///
    /// - Parameter wait: called if there is another process to wait for.
    package static func take(_ directory: String, beforeWaiting wait: () -> Void) throws(SandboxError) {
        try SandboxFile.createDirectory(directory)
        let path = "\(directory)/lock"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .file(path: path, doing: "open", .last) }
        if flock(file, LOCK_EX | LOCK_NB) == 0 { return }
        if errno == EWOULDBLOCK { wait() }
        while flock(file, LOCK_EX) != 0 {
            if errno != EINTR { throw .file(path: path, doing: "lock", .last) }
        }
    }
}
