package import FluxqControl

/// Every way in which talking to the daemon fails. The caller words it for people.
package enum ControlClientError: Error, Hashable, Sendable {
    /// The daemon answered, and its answer is no.
    case problem(Problem)
    case noDaemon(path: String, NoDaemon)
    /// The socket's or its directory's mode does not let the caller connect.
    case permissionDenied(path: String)
    /// More bytes than fit a socket's address.
    case pathTooLong(path: String, bytes: Int)
    case notASocket(path: String)
    /// Somebody other than root and the caller could be listening.
    case untrustedSocket(path: String, Distrust)
    /// The connection ended, or no data arrived for too long, before the answer was whole. Nothing was changed.
    case connectionLost(path: String, why: String)
    /// The same, after something was asked for that changes something: it may have been done.
    case outcomeUnknown(path: String, why: String)
    /// What answers does not speak the control interface.
    case protocolError(path: String, why: String)
    /// What was to be uploaded could not be read to its end.
    case uploadUnreadable(UploadSource.ReadError)
    /// What came could not be written where it was to go.
    case downloadUnwritable(errno: Int32)

    package enum NoDaemon: Hashable, Sendable {
        /// There is no file of that name.
        case missing
        /// There is a socket, and nobody listens.
        case nobodyListening
        /// It has more connections than it takes, and has turned this one away.
        case busy
        case unreachable(errno: Int32)
    }

    package enum Distrust: Hashable, Sendable {
        case symbolicLink
        case socketOwner(uid: UInt32)
        case directoryOwner(directory: String, uid: UInt32)
        case directoryWritable(directory: String, mode: UInt32)
    }
}
