import CLinux
import Glibc
package import SystemPackage

/// Renames a file unless the new name exists, on file systems of every kind.
package enum ExclusiveRename {
    /// Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - directory: an open directory, or `AT_FDCWD` if both names are complete paths.
    /// - Returns: the reason why it failed, such as `.fileExists`; nil if the file has the new name.
    package static func move(_ old: String, to new: String, in directory: Int32) -> Errno? {
        if renameat2(directory, old, directory, new, UInt32(FLUXQ_RENAME_NOREPLACE)) == 0 { return nil }
        let refusal = Errno.last
        guard isUnsupported(refusal) else { return refusal }
        if linkat(directory, old, directory, new, 0) == 0 {
            unlinkat(directory, old, 0)
            return nil
        }
        let linkRefusal = Errno.last
        guard isUnsupported(linkRefusal) || linkRefusal == .notPermitted || linkRefusal == .tooManyLinks else {
            return linkRefusal
        }
        // A file system with neither, such as some network shares: reserve the name with an empty file, then replace
        // that.
        let taken = openat(directory, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard taken >= 0 else { return .last }
        close(taken)
        if renameat(directory, old, directory, new) == 0 { return nil }
        let code = Errno.last
        unlinkat(directory, new, 0)
        return code
    }

    /// True for the errors of a file system that does not support an operation: an exclusive rename, a hard link, a
    /// sync of a directory.
    package static func isUnsupported(_ code: Errno) -> Bool {
        [.invalidArgument, .notSupported, .noFunction, .inappropriateIOCTLForDevice].contains(code)
    }
}
