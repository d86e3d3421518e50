package import FluxqControl
package import SystemPackage

/// Every failure of talking to the daemon. The caller turns it into text for people.
package enum ControlClientError: Error, Hashable, Sendable {
    /// The daemon refused the request.
    case problem(Problem)
    case noDaemon(path: String, NoDaemon)
    /// The mode of the socket or of its directory does not let the caller connect.
    case permissionDenied(path: String)
    /// The path is longer than a socket's address can be.
    case pathTooLong(path: String, bytes: Int)
    case notASocket(path: String)
    /// A user other than root and the caller could be listening.
    case untrustedSocket(path: String, Distrust)
    /// The connection ended, or no data arrived for too long, before the answer was complete. Nothing was changed.
    case connectionLost(path: String, why: String)
    /// The same after a request that changes something: it may have been executed.
    case outcomeUnknown(path: String, why: String)
    /// The peer does not speak the control interface.
    case protocolError(path: String, why: String)
    /// The upload's source could not be read to its end.
    case uploadUnreadable(UploadSource.ReadError)
    /// The received data could not be written to its file.
    case downloadUnwritable(Errno)

    package enum NoDaemon: Hashable, Sendable {
        /// There is no file of that name.
        case missing
        /// There is a socket, but no process listens.
        case nobodyListening
        /// The daemon has reached its connection limit and refused this one.
        case busy
        case unreachable(Errno)
    }

    package enum Distrust: Hashable, Sendable {
        case symbolicLink
        case socketOwner(uid: UInt32)
        case directoryOwner(directory: String, uid: UInt32)
        case directoryWritable(directory: String, mode: UInt32)
    }
}
