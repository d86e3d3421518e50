import FluxqControl
import FluxqHost

/// The sockets for clients: passed by systemd, or bound here.
struct DaemonSockets {
    /// The control socket's descriptor.
    let control: CInt
    /// For the log: its path, or where it comes from.
    let name: String
    let ports: [ListeningPort]
    /// Warnings for administrators about ports that are not bound before the users of the host come.
    let warnings: [String]
    private let bound: ListeningSocket?

    /// - Parameters:
    ///   - path: `--socket`.
    ///   - addresses: `listen.http`. One that systemd has passed is not bound again.
    /// - Throws: also if the kernel cannot identify the peers of a port.
    static func open(
        path: String?, addresses: [LoopbackAddress], environment: [String: String]
    ) throws -> DaemonSockets {
        let inherited = try InheritedSockets.take(environment: environment)
        let own = addresses.filter { address in !inherited.ports.contains { $0.address == address } }
        // Before the control socket, whose file would stay behind if a port cannot be bound.
        var ports = inherited.ports
        for address in own { ports.append(try ListeningPort.bind(address)) }
        if !ports.isEmpty { try SocketDiagnosis.check() }
        let warnings = own.filter { $0.port >= firstPortOfUsers }.map(warning)
        if path == nil, let control = inherited.control {
            return DaemonSockets(control: control, name: "systemd", ports: ports, warnings: warnings, bound: nil)
        }
        let path = path ?? environment[SocketPath.environmentVariable] ?? SocketPath.standard
        let bound = try ListeningSocket.bind(path: path)
        return DaemonSockets(control: bound.descriptor, name: path, ports: ports, warnings: warnings, bound: bound)
    }

    /// Linux lets only root listen on lower ones.
    private static let firstPortOfUsers = 1024

    private static func warning(of address: LoopbackAddress) -> String {
        "listen.http: while fluxqd is stopped, any user can listen at \(address), and clients then send their pictures "
            + "and prompts there. Better: systemctl enable fluxqd-http.socket, which listens from the start of the "
            + "host."
    }

    /// For the log: the addresses of the ports; nil if there is none.
    var portNames: String? {
        ports.isEmpty ? nil : ports.map { "\($0.address)" }.joined(separator: ", ")
    }

    /// Removes the control socket's file, if it was made here.
    func removeName() throws {
        try bound?.removeName()
    }
}
