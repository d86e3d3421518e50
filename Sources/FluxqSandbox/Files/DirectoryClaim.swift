import Glibc

/// Keeps a directory to one stand-in at a time, until the process ends. A stand-in that follows another takes the port that
/// the links lead to, so it has to wait until the other one has let go of it.
package enum DirectoryClaim {
    /// Makes the directory if it is missing, and waits for as long as another process uses it. Blocks.
    ///
    /// - Parameter wait: called if there is another process to wait for.
    package static func take(_ directory: String, beforeWaiting wait: () -> Void) throws(SandboxError) {
        try SandboxFile.createDirectory(directory)
        let path = "\(directory)/lock"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .file(path: path, doing: "open", errno: errno) }
        if flock(file, LOCK_EX | LOCK_NB) == 0 { return }
        if errno == EWOULDBLOCK { wait() }
        while flock(file, LOCK_EX) != 0 {
            if errno != EINTR { throw .file(path: path, doing: "lock", errno: errno) }
        }
    }
}
