import FluxqHost

// Why a socket that fluxqd serves, or its service manager, cannot be used, in words that say what to do.

extension ListeningSocketError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badPath(let path) where path.utf8.count > UnixSocketAddress.maxPathBytes:
            "The socket's path has \(path.utf8.count) bytes, but Linux takes at most "
                + "\(UnixSocketAddress.maxPathBytes): \(path.quoted). Name a shorter one with --socket."
        case .badPath(let path):
            "A socket cannot be at \(path.quoted). Name a path in a directory with --socket."
        case .directoryMissing(let path):
            "The socket cannot be at \(path), because the directory above it does not exist. Make that "
                + "directory, or name another path with --socket."
        case .notPermitted(let path):
            "fluxqd has no permission to create its socket at \(path). Let fluxqd's user write the directory above "
                + "it, or "
                + "name another path with --socket."
        case .directoryOfEverybody(let path):
            "fluxqd does not create its socket at \(path), because any user may replace files in the directory "
                + "above it. Remove that permission (chmod o-w), or name another path with --socket."
        case .notASocket(let path):
            "There is something at \(path) that is not a socket. Move it away, or name another path with --socket."
        case .inUse(let path):
            "Another fluxqd listens at \(path). Stop that one first, or name another path with --socket."
        case .failed(let path, let error):
            "fluxqd cannot listen at \(path) (\(error)). Name another path with --socket."
        }
    }
}

extension ListeningPortError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .inUse(let address):
            "Another program listens at \(address), or at that port of every address. Find it with: "
                + "ss -ltnp sport = :\(address.port). Stop it, or set another port in listen.http."
        case .notPermitted(let address):
            "fluxqd has no permission to listen at \(address). Set a port from 1024 on in listen.http, or let systemd "
                + "bind it: set ListenStream=\(address) in fluxqd-http.socket."
        case .noSuchAddress(let address):
            "This host has no address \(address.host). Remove \(address) from listen.http."
        case .failed(let address, let error):
            "fluxqd cannot listen at \(address) (\(error)). Set another address in listen.http."
        }
    }
}

extension SocketDiagnosis.Failure: CustomStringConvertible {
    package var description: String {
        let reason =
            switch self {
            case .system(let error): "\(error)"
            case .refused(let code): "\(code)"
            case .malformed: "its answer is malformed"
            case .ambiguous: "it reports several sockets"
            case .blind: "it does not report an open connection"
            }
        return
            "The kernel cannot say who connects over TCP (sock_diag: \(reason)). Load its module (modprobe tcp_diag), "
            + "allow AF_NETLINK in RestrictAddressFamilies= of the unit, or remove listen.http and stop "
            + "fluxqd-http.socket."
    }
}

extension InheritedSockets.Invalid: CustomStringConvertible {
    package var description: String {
        switch self {
        case .count(let text):
            "systemd passed \(text.quoted) sockets, which does not agree with their names. Restart fluxqd.socket and "
                + "fluxqd-http.socket."
        case .severalControlSockets(let count):
            "systemd passed \(count) control sockets, but fluxqd takes one. Leave one ListenStream= in fluxqd.socket. "
                + "A unit with TCP ports needs FileDescriptorName=\(InheritedSockets.portName)."
        case .notListening:
            "The socket passed by systemd is not a listening Unix stream socket. Give fluxqd.socket one "
                + "ListenStream= with a path, and Accept=no."
        case .notLoopback:
            "A socket that systemd passed as \(InheritedSockets.portName) is not a listening TCP socket of a loopback "
                + "address. Give fluxqd-http.socket only such as ListenStream=127.0.0.1:7839, and Accept=no."
        case .failed(let error):
            "The socket passed by systemd cannot be used (\(error)). Restart fluxqd.socket."
        }
    }
}

extension ServiceNotifier.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .badAddress(let name):
            "$NOTIFY_SOCKET is \(name.quoted), which is no Unix socket's address. Unset it outside of systemd."
        case .failed(let error):
            "The service manager cannot be notified (\(error)). Check $NOTIFY_SOCKET."
        }
    }
}
