import ArgumentParser
import FluxqControl
import FluxqControlClient

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop new calls of the whole queue (administrators).",
        discussion: """
            Jobs are still taken and wait; calls in flight go on and are archived. It stays so over restarts of the \
            daemon, until somebody says: fluxq resume. status tells everybody since when and by whom.

            For root, the daemon's own user, and whom access.admins or access.admin_group of its configuration names; \
            for others the exit status is 77.

            Prints how the queue is then; with --json as the daemon gives it.

            EXAMPLES
              fluxq pause && fluxq status

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.run(changes: true) { console in
            try await global.connected(console) { client in
                try console.print(queue: try await client.pauseQueue())
                return .success
            }
        }
    }
}
