import Glibc
import SystemCallShimInterface
import SystemPackage

/// A way in which system calls fail.
package struct Fault: Hashable, Sendable, CustomStringConvertible {
    package enum Calls: UInt32, CaseIterable, Sendable {
        case write = 1
        case sync, rename, open, remove, make, truncate, change
        /// All calls that need disk space.
        case space
    }

    package enum Files: UInt32, CaseIterable, Sendable {
        case archive = 1
        case sqlite, both
    }

    package enum Failure: Hashable, Sendable {
        case error(CInt)
        /// Writes only the first half.
        case short
        /// Reports success without doing anything. No program survives this; it shows that a proof notices.
        case lie
        /// kill -9 before the call.
        case kill

        var kind: UInt32 {
            switch self {
            case .error: SHIM_ERROR.rawValue
            case .short: SHIM_SHORT.rawValue
            case .lie: SHIM_LIE.rawValue
            case .kill: SHIM_KILL.rawValue
            }
        }

        var errno: UInt32 { if case .error(let code) = self { UInt32(code) } else { 0 } }

        package var name: String {
            switch self {
            case .error(EIO): "EIO"
            case .error(ENOSPC): "ENOSPC"
            case .error(EDQUOT): "EDQUOT"
            case .error(EINTR): "EINTR"
            case .error(EMFILE): "EMFILE"
            case .error(let code): "\(Errno(rawValue: code))"
            case .short: "short"
            case .lie: "lie"
            case .kill: "kill"
            }
        }
    }

    package var calls: Calls
    package var files: Files
    package var failure: Failure
    /// True if all calls from the first one on fail; false if only that one fails.
    package var isPersistent: Bool

    package init(calls: Calls, files: Files, failure: Failure, isPersistent: Bool) {
        self.calls = calls
        self.files = files
        self.failure = failure
        self.isPersistent = isPersistent
    }

    package var description: String { "\(calls) \(failure.name) \(files) \(isPersistent ? "persistent" : "once")" }
}
