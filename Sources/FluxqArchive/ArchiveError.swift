import FluxqHost
package import FluxqModel
package import SystemPackage

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
    case failed(operation: Operation, path: String, errno: Errno)

    init(_ operation: Operation, _ path: String, errno code: Errno) {
        self =
            code.isFull
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
        case .failed(.open, _, .ioError), .failed(.list, _, .ioError), .failed(.read, _, .ioError),
            .failed(.measure, _, .ioError):
            false
        case .failed(_, _, .ioError): true
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
                case .permissionDenied, .notPermitted: "; the user that fluxqd runs as must own it"
                case .readOnlyFileSystem: "; its file system must be mounted for writing"
                case .ioError: "; check the disk and the kernel's log"
                case .tooManyOpenFiles, .tooManyOpenFilesInSystem: "; raise the limit on open files"
                default: ""
                }
            return "cannot \(operation.rawValue) \(path): \(code)\(remedy)"
        }
    }
}
