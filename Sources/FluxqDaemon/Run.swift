import ArgumentParser
import FluxqHost
import Foundation

/// `fluxqd`, or `fluxqd run`: the daemon itself.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the daemon (default).",
        discussion: """
            On SIGTERM or SIGINT it makes no new calls, waits for calls in flight, and exits with 0. A second signal \
            abandons those calls. Exit codes: 64 usage, 74 disk failed, 75 users of the configuration cannot be \
            looked up now, 78 configuration, 71 any other failure.
            """)

    @Option(
        help: ArgumentHelp(
            "Configuration file (default: /etc/fluxq/fluxqd.yaml, if it "
                + "exists).", valueName: "file"))
    var config: String?

    @OptionGroup var state: StateOptions

    @Option(
        help: ArgumentHelp(
            "Socket for clients (default: systemd's socket, $FLUXQ_SOCKET, or /run/fluxq/control.sock).",
            valueName: "path"))
    var socket: String?

    @Flag(help: "Start fluxq-sandbox, a simulated images API, and call that: real pictures, no key, no bill.")
    var sandbox = false

    init() {}

    func run() async throws {
        ProcessMemory.hide()
        let environment = Secrecy.takeEnvironment()
        let log = ProgramLog.begin(of: "fluxqd", environment: environment)
        let daemon = Daemon(
            options: .init(
                configurationFile: config, stateDirectory: state.stateDirectory, socket: socket, isSandboxed: sandbox),
            environment: environment, logger: log.logger)
        do {
            try await daemon.run()
        } catch {
            log.tell(error)
            throw ExitCode(Daemon.exitStatus(of: error))
        }
    }
}

/// The state directory option, the same for every subcommand.
struct StateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Directory for all state (default: $STATE_DIRECTORY, or /var/lib/fluxq).", valueName: "dir")
    )
    var stateDirectory: String?

    init() {}

    var path: String {
        stateDirectory ?? StateDirectory.defaultPath(environment: ProcessInfo.processInfo.environment)
    }
}
