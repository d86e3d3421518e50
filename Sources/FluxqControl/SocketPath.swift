/// Where daemon and client meet.
package enum SocketPath {
    /// Made by systemd's socket unit.
    package static let standard = "/run/fluxq/control.sock"
    /// Names another socket, for the client and for the daemon.
    package static let environmentVariable = "FLUXQ_SOCKET"
    /// Bytes of a path that fit `sockaddr_un.sun_path` with its final NUL.
    package static let maxBytes = 107

    /// The directory that a socket lies in: who may write there may put another in its place.
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
