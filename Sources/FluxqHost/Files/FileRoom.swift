import CLinux
import Glibc
package import SystemPackage

/// Room that a file system has for a file.
package enum FileRoom {
    /// Takes room for so many bytes. The file's size stays.
    ///
    /// - Returns: why there is none, or why the file system cannot tell; nil if there is.
    package static func reserve(_ bytes: Int, from offset: Int, of descriptor: Int32) -> Errno? {
        fallocate(descriptor, Int32(FLUXQ_FALLOC_FL_KEEP_SIZE), offset, bytes) == 0 ? nil : .last
    }
}
