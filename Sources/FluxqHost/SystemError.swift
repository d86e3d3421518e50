import Glibc
package import SystemPackage

/// A failed system call and the reason.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: Errno

    /// Reads `errno`, so it must be created before any other call.
    package init(_ call: String, code: Errno = .last) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(code)" }
}

extension Errno {
    /// Why this thread's last system call failed. To be read before anything else is called.
    package static var last: Errno { Errno(rawValue: errno) }

    /// Whether there is no room for what was to be written: on the file system, or in the user's quota of it.
    package var isFull: Bool { self == .noSpace || self == .diskQuotaExceeded }
}
