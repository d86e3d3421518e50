import ArgumentParser
import Foundation
import Glibc
import Logging

/// `fluxqd`: the daemon's command line.
struct FluxqdCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxqd",
        abstract: "The daemon of fluxq, a spooler for paid image edits.",
        discussion: """
            Holds the API key, takes jobs over a Unix socket, calls the images API and keeps every picture that was paid \
            for. Usually run by systemd; see fluxqd.service.

            Try it without a key and without costs, in a directory of its own:

              fluxqd --sandbox --state-directory /tmp/fluxq --socket /tmp/fluxq.sock
              fluxq submit --socket /tmp/fluxq.sock --image photo.jpg --wait --output . "Make it a pencil sketch"

            SIGTERM or SIGINT: no new calls; those in flight are waited for, then it exits with 0. A second signal gives \
            them up. Exit codes: 64 usage, 74 the disk failed, 78 configuration, 71 anything else that keeps it from \
            running.
            """,
        version: "fluxqd 0.1.0")

    @Option(help: ArgumentHelp("The configuration (default: /etc/fluxq/fluxqd.yaml, if it exists).", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp("Where everything is kept (default: $STATE_DIRECTORY, or /var/lib/fluxq).", valueName: "dir")
    )
    var stateDirectory: String?

    @Option(
        help: ArgumentHelp(
            "Where clients connect (default: systemd's socket, $FLUXQ_SOCKET, or /run/fluxq/control.sock).",
            valueName: "path"))
    var socket: String?

    @Flag(help: "Call a stand-in of the images API inside the daemon: real pictures, no key, no network, no bill.")
    var sandbox = false

    init() {}

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let daemon = Daemon(
            options: .init(
                configurationFile: config, stateDirectory: stateDirectory, socket: socket, isSandboxed: sandbox),
            environment: ProcessInfo.processInfo.environment, logger: Logger(label: "fluxqd"))
        do {
            try await daemon.run()
        } catch {
            FileHandle.standardError.write(Data("fluxqd: \(error)\n".utf8))
            throw ExitCode(error is ConfigurationError ? EX_CONFIG : EX_OSERR)
        }
    }
}
