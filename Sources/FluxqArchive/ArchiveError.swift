package import FluxqModel
import Glibc

/// An error of an archive operation.
package enum ArchiveError: Error, Hashable, Sendable {
    /// The operation on a file or directory, as a verb.
    package enum Operation: String, Sendable {
        case create, open, list, read, write, sync, rename, remove
        case makeReadOnly = "make read-only"
        case measure = "read the size of"
    }

    /// The file system or the daemon's quota on it is full. This can pass: what was being written is gone, all else
    /// stays.
    case full(operation: Operation, path: String)
    /// The file would grow beyond its limit in bytes.
    case tooLarge(limit: Int64)
    case missing(ContentHash)
    case failed(operation: Operation, path: String, errno: CInt)

    init(_ operation: Operation, _ path: String, errno code: CInt) {
        self =
            code == ENOSPC || code == EDQUOT
            ? .full(operation: operation, path: path) : .failed(operation: operation, path: path, errno: code)
    }

    /// True if the same operation may succeed later, once there is room again or an administrator has repaired this
    /// host.
    package var isPassing: Bool {
        switch self {
        case .full: true
        case .tooLarge, .missing: false
        case .failed: !isFatal
        }
    }

    /// True if the kernel may have dropped bytes that it had accepted. After a failed fsync its cache no longer shows
    /// what is on the disk. The daemon then has to exit and start again from what is on the disk.
    package var isFatal: Bool {
        switch self {
        // A failed read loses nothing.
        case .failed(.open, _, EIO), .failed(.list, _, EIO), .failed(.read, _, EIO), .failed(.measure, _, EIO): false
        case .failed(_, _, EIO): true
        default: false
        }
    }
}

extension ArchiveError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .full(let operation, let path):
            return "cannot \(operation.rawValue) \(path): its file system or fluxqd's quota is full; free disk "
                + "space there"
        case .tooLarge(let limit):
            return "it is larger than \(limit) bytes, which is the limit"
        case .missing(let hash):
            return "\(hash) is not in the archive"
        case .failed(let operation, let path, let code):
            let remedy =
                switch code {
                case EACCES, EPERM: "; the user that fluxqd runs as must own it"
                case EROFS: "; its file system must be mounted for writing"
                case EIO: "; check the disk and the kernel's log"
                case EMFILE, ENFILE: "; raise the limit on open files"
                default: ""
                }
            return "cannot \(operation.rawValue) \(path): \(String(cString: strerror(code)))\(remedy)"
        }
    }
}
