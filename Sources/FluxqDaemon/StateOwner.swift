import FluxqHost
import Glibc
import SystemPackage

/// The owner of the state directory.
enum StateOwner {
    /// If root maintains another user's state, becomes that user for the rest of the process, so that no created file
    /// belongs to root.
    static func become(ownerOf path: String) throws(StateUnreadable) {
        guard geteuid() == 0 else { return }
        var status = stat()
        guard stat(path, &status) == 0 else {
            let error = SystemError("stat")
            throw error.code == .noSuchFileOrDirectory ? .notThere(path) : .failed(path, error)
        }
        guard status.st_uid != 0 else { return }
        guard setgroups(0, nil) == 0, setgid(status.st_gid) == 0, setuid(status.st_uid) == 0 else {
            throw .failed(path, SystemError("setuid"))
        }
    }
}
