import CLinux
import Glibc

/// Gives a file another name unless that is taken, on file systems of every kind.
package enum ExclusiveRename {
    /// Blocks.
    ///
    /// - Parameters:
    ///   - directory: open; `AT_FDCWD` if both names are paths of their own.
    /// - Returns: 0, or an error number: `EEXIST` if the name is taken.
    package static func move(_ old: String, to new: String, in directory: Int32) -> Int32 {
        if renameat2(directory, old, directory, new, UInt32(FLUXQ_RENAME_NOREPLACE)) == 0 { return 0 }
        guard isUnsupported(errno) else { return errno }
        if linkat(directory, old, directory, new, 0) == 0 {
            unlinkat(directory, old, 0)
            return 0
        }
        guard isUnsupported(errno) || errno == EPERM || errno == EMLINK else { return errno }
        // A file system with neither, such as some network shares: take the name with an empty file, then move over that.
        let taken = openat(directory, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard taken >= 0 else { return errno }
        close(taken)
        if renameat(directory, old, directory, new) == 0 { return 0 }
        let code = errno
        unlinkat(directory, new, 0)
        return code
    }

    /// How a file system says that it has no such thing: a condition on a rename, a hard link, a sync of a directory.
    package static func isUnsupported(_ code: Int32) -> Bool {
        [EINVAL, EOPNOTSUPP, ENOSYS, ENOTTY].contains(code)
    }
}
