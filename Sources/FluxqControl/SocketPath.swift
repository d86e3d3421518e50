/// Where daemon and client meet.
package enum SocketPath {
    /// Made by systemd's socket unit.
    package static let standard = "/run/fluxq/control.sock"
    /// Names another socket, for the client and for the daemon.
    package static let environmentVariable = "FLUXQ_SOCKET"
}
