import FluxqHost

/// The way by which a connection has come in.
enum Entrance: Hashable, Sendable {
    /// The Unix socket.
    case socket
    /// A TCP port. Every program of the host can connect there, and with a browser of the host every web page: requests
    /// have to obey `LoopbackRules`.
    case port(LoopbackAddress)

    /// True if root and administrators have their rights here. Not at a port: programs of root's, such as proxies, also
    /// connect there on behalf of somebody else.
    var admitsAdministrators: Bool { self == .socket }
}
