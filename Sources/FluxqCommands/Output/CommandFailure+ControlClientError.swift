import FluxqControl
import FluxqControlClient
import Glibc

extension CommandFailure {
    /// Any error of a verb.
    init(any error: any Error) {
        switch error {
        case let complaint as CommandFailure: self = complaint
        case let error as ControlClientError: self.init(error)
        case let error as DestinationError: self.init(error)
        case let error as OutputError:
            self.init(
                .lookFirst, code: "output_failed",
                "Standard output cannot be written: \(error.system). "
                    + (error.result.map { "What was asked for is done; do not ask again. The result is: \($0.trimmed)" }
                        ?? "Nothing was changed."))
        default:
            self.init(.unavailable, code: "internal", "Something went wrong that should not: \(error)")
        }
    }

    init(_ error: ControlClientError) {
        if case .problem(let problem) = error {
            self.init(problem)
        } else {
            self.init(ExitStatus(error), code: error.code, error.detail)
        }
    }
}

extension ControlClientError {
    fileprivate var code: String {
        switch self {
        case .problem(let problem): problem.code.rawValue
        case .noDaemon: "no_daemon"
        case .permissionDenied: "permission_denied"
        case .pathTooLong: "socket_path_too_long"
        case .notASocket: "not_a_socket"
        case .untrustedSocket: "untrusted_socket"
        case .connectionLost: "connection_lost"
        case .outcomeUnknown: "outcome_unknown"
        case .protocolError: "protocol_error"
        case .uploadUnreadable: "unreadable_input"
        case .downloadUnwritable: "unwritable_output"
        }
    }

    fileprivate var detail: String {
        let elsewhere = "or name another socket with --socket PATH or $\(SocketPath.environmentVariable)"
        switch self {
        case .problem(let problem): return problem.detail
        case .noDaemon(let path, .missing):
            return "No daemon at \(path). Start it with: systemctl start fluxqd; \(elsewhere)."
        case .noDaemon(let path, .nobodyListening):
            return "No daemon at \(path): its socket is there, but nobody listens. "
                + "Start it with: systemctl start fluxqd; \(elsewhere)."
        case .noDaemon(let path, .busy):
            return "The daemon at \(path) has more connections than it takes. Nothing was done. Try again in a moment."
        case .noDaemon(let path, .unreachable(let code)):
            return "No daemon can be reached at \(path): \(FileErrorNumber(code: code)). "
                + "Look with: systemctl status fluxqd; \(elsewhere)."
        case .permissionDenied(let path):
            return "You may not use the socket \(path). Ask its administrator to add you to the group that may "
                + "(usually fluxq-users), then log in again."
        case .pathTooLong(let path, let bytes):
            return "The socket's path has \(bytes) bytes, and the system takes at most \(SocketPath.maxBytes). "
                + "Give a shorter one with --socket, a relative one perhaps: \(path)"
        case .notASocket(let path):
            return "\(path) is not a socket that fluxqd made. Give the daemon's socket with --socket PATH or "
                + "$\(SocketPath.environmentVariable)."
        case .untrustedSocket(let path, let distrust):
            return "Not using \(path): \(distrust.words) Whoever listens there gets your pictures. "
                + "If you trust it, say so with: --socket \(path)"
        case .connectionLost(let path, let why):
            return "The connection to the daemon at \(path) was lost: \(why). Try again; if it stays so, look with: "
                + "systemctl status fluxqd"
        case .outcomeUnknown(let path, let why):
            return
                "The connection to the daemon at \(path) came to nothing: \(why). Whether it did what was asked is not known; "
                + "look before you ask again: fluxq list"
        case .protocolError(let path, let why):
            return "What answers at \(path) is not a fluxqd that this fluxq understands: \(why). "
                + "See that both are of the same version, and that the socket is fluxqd's."
        case .uploadUnreadable(.system(let code)):
            return "The picture could not be read to its end: \(FileErrorNumber(code: code)). Nothing was queued."
        case .uploadUnreadable(.shrank(let bytes)):
            return
                "The picture became shorter while it was being read: it ends after \(bytes) bytes. Nothing was queued; "
                + "submit it again when it is complete."
        case .downloadUnwritable(let code):
            return "The picture could not be written: \(FileErrorNumber(code: code)). It stays in the archive; "
                + "make room or choose another directory with --output, and fetch it again."
        }
    }
}

extension ControlClientError.Distrust {
    fileprivate var words: String {
        switch self {
        case .symbolicLink: "it is a symbolic link."
        case .socketOwner(let uid): "it belongs to uid \(uid), which is neither root nor you."
        case .directoryOwner(let directory, let uid):
            "its directory \(directory) belongs to uid \(uid), which is neither root nor you and could put another "
                + "socket there."
        case .directoryWritable(let directory, let mode):
            "others can write its directory \(directory) (mode \(String(mode, radix: 8))) and could put a socket of "
                + "their own there"
                + (mode & UInt32(S_ISVTX) != 0 ? "; its sticky bit only keeps them from removing yours." : ".")
        }
    }
}

extension String {
    /// Without the line's end.
    fileprivate var trimmed: Substring { hasSuffix("\n") ? dropLast() : self[...] }
}
