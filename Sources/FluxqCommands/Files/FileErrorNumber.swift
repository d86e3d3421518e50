import Glibc

/// A system error number, with its text and its kind (what can be done about it).
struct FileErrorNumber: Hashable, Sendable, CustomStringConvertible {
    let code: Int32

    enum Kind { case missing, denied, wrongKind, passing }

    var kind: Kind {
        switch code {
        case ENOENT: .missing
        case EACCES, EPERM, EROFS: .denied
        case ENOTDIR, EISDIR, EEXIST, ENAMETOOLONG, ELOOP, EINVAL, EFBIG: .wrongKind
        default: .passing
        }
    }

    var description: String { String(cString: strerror(code)) }
}
