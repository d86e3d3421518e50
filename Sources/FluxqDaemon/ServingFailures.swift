import FluxqHost

// Why the socket that fluxqd serves, or its service manager, cannot be used, in words that say what to do.

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

extension InheritedSocket.Invalid: CustomStringConvertible {
    package var description: String {
        switch self {
        case .count(let text):
            "systemd passed \(text.quoted) sockets, but fluxqd takes one. Leave one ListenStream= in "
                + "fluxqd.socket."
        case .notListening:
            "The socket passed by systemd is not a listening Unix stream socket. Give fluxqd.socket one "
                + "ListenStream= with a path, and Accept=no."
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
