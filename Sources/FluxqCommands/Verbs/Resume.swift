import ArgumentParser
import FluxqControl
import FluxqControlClient

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let calls begin again (administrators).",
        discussion: """
            Ends a pause. Where the queue is held because the API cannot be used, or the API has asked for patience, one \
            call tries at once whether things are better, instead of waiting for its time.

            For root, the daemon's own user, and whom access.admins or access.admin_group of its configuration names; \
            for others the exit status is 77.

            Prints how the queue is then; with --json as the daemon gives it.

            EXAMPLES
              fluxq resume

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.run(changes: true) { console in
            try await global.connected(console) { client in
                try console.print(queue: try await client.resumeQueue())
                return .success
            }
        }
    }
}
