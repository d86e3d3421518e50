import ArgumentParser
import FluxqControl
import FluxqControlClient
import Glibc

/// What every verb takes.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print JSON for programs; a failure is a JSON document on standard error.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "The daemon's socket. Without it $FLUXQ_SOCKET, else \(SocketPath.standard), which is only trusted where "
                + "nobody but root and you could have made it.",
            valueName: "PATH"))
    var socket: String?

    func validate() throws {
        if socket == "" { throw ValidationError("--socket needs the path of a socket, but is empty.") }
    }

    var controlSocket: ControlSocket {
        ControlSocket(
            option: socket, environment: getenv(SocketPath.environmentVariable).map { String(cString: $0) })
    }

    /// Runs a verb: whatever it throws is told to the person or program, and becomes the exit status.
    func run(_ verb: (Console) async throws -> ExitStatus) async throws {
        let console = Console(json: json)
        let status: ExitStatus
        do {
            status = try await verb(console)
        } catch {
            let complaint = Complaint(any: error)
            console.complain(complaint)
            status = complaint.status
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }
}
