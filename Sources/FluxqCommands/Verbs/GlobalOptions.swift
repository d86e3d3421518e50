import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqHost
import Glibc

/// The options of every verb.
struct GlobalOptions: ParsableArguments {
    @Flag(help: "Print JSON for programs; a failure is a JSON document on standard error.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "The daemon's socket (default: $FLUXQ_SOCKET, else \(SocketPath.standard)). The default socket is "
                + "trusted only if root or you created it.",
            valueName: "PATH"), transform: PathWord.read)
    var socket: BytePath?

    func validate() throws {
        if socket?.bytes.isEmpty == true { throw ValidationError("--socket needs the path of a socket, but is empty.") }
    }

    var controlSocket: ControlSocket {
        ControlSocket(
            option: socket,
            environment: getenv(SocketPath.environmentVariable).map { variable in
                BytePath(bytes: Array(UnsafeRawBufferPointer(start: variable, count: strlen(variable))))
            })
    }

    /// Connects and lets `body` make its requests, which may wait for a busy or restarting daemon.
    func connected<Result: Sendable>(
        _ console: Console, _ body: (ControlClient) async throws -> Result
    ) async throws -> Result {
        try await ControlClient.withConnection(
            to: controlSocket, patience: .atThePrompt, isWaiting: { console.note($0.waitingWords) }, body)
    }

    /// Called once per verb, however often it connects.
    private func warnOfSocket(_ console: Console) {
        guard let uid = controlSocket.foreignOwner() else { return }
        console.note(
            "$\(SocketPath.environmentVariable) names a socket of the user with uid \(uid), who can read your "
                + "prompts and pictures. If you trust that user, use: --socket PATH")
    }

    /// Runs a verb. An error that it throws is printed and becomes the exit status.
    ///
    /// - Parameter changes: true if the verb changes something. Then standard output is checked first, so that the
    ///   result is not lost.
    func run(changes: Bool = false, _ verb: (Console) async throws -> ExitStatus) async throws {
        let console = Console(json: json, endsWithReader: !changes)
        warnOfSocket(console)
        let status: ExitStatus
        do {
            if changes { try console.checkOutput() }
            status = try await verb(console)
        } catch {
            let complaint = CommandFailure(any: error)
            console.complain(complaint)
            status = complaint.status
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }
}

extension ControlClientError {
    /// The message for a person who waits for the daemon because of this error.
    var waitingWords: String {
        isBusy
            ? "fluxqd is busy; waiting up to a minute for a connection"
            : "fluxqd does not respond; waiting for it to restart"
    }
}
