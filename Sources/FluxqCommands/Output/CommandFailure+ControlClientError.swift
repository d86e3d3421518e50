import FluxqControl
import FluxqControlClient
import FluxqHost
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
                    + (error.result.map {
                        "The change was made; do not repeat the command. The result is: "
                            + "\($0.trimmed)"
                    }
                        ?? "Nothing was changed."))
        default:
            self.init(.unavailable, code: "internal", "Internal error: \(error)")
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
            return "No daemon at \(path): its socket exists, but no process listens on it. "
                + "Start it with: systemctl start fluxqd; \(elsewhere)."
        case .noDaemon(let path, .busy):
            return "The daemon at \(path) has too many connections. Nothing was done. Try again in a moment."
        case .noDaemon(let path, .unreachable(let code)):
            return "No daemon can be reached at \(path): \(code). "
                + "Check with: systemctl status fluxqd; \(elsewhere)."
        case .permissionDenied(let path):
            return "You may not use the socket \(path). Ask the administrator to add you to its group (usually "
                + "fluxq-users), then log in again."
        case .pathTooLong(let path, let bytes):
            return "The socket's path has \(bytes) bytes, but the system allows at most "
                + "\(UnixSocketAddress.maxPathBytes). Name a shorter one with --socket, such as a relative one: \(path)"
        case .notASocket(let path):
            return "\(path) is not a socket that fluxqd made. Give the daemon's socket with --socket PATH or "
                + "$\(SocketPath.environmentVariable)."
        case .untrustedSocket(let path, let distrust):
            return "Not using \(path): \(distrust.words) The program that listens there would get your pictures. If "
                + "you trust it, use: --socket \(path)"
        case .connectionLost(let path, let why):
            return "The connection to the daemon at \(path) was lost: \(why). Try again; if it fails again, check "
                + "with: systemctl status fluxqd"
        case .outcomeUnknown(let path, let why):
            return
                "The connection to the daemon at \(path) failed: \(why). It is unknown whether the request was "
                + "carried out. Check before you repeat it: fluxq list"
        case .protocolError(let path, let why):
            return "The server at \(path) does not speak this fluxq's protocol: \(why). Check that both have the "
                + "same version, and that the socket belongs to fluxqd."
        case .uploadUnreadable(.system(let code)):
            return "The picture could not be read completely: \(code). Nothing was queued."
        case .uploadUnreadable(.shrank(let bytes)):
            return
                "The picture became shorter while it was being read: it ends after \(bytes) bytes. Nothing was queued; "
                + "submit it again when it is complete."
        case .downloadUnwritable(let code):
            return "The picture could not be written: \(code). It stays in the archive. Free "
                + "some space or choose another directory with --output, then fetch it again."
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
    /// The text without its final newline.
    fileprivate var trimmed: Substring { hasSuffix("\n") ? dropLast() : self[...] }
}
