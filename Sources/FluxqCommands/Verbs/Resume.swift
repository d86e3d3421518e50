import ArgumentParser
import FluxqControl
import FluxqControlClient

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Start calls again (administrators).",
        discussion: """
            Ends a pause. If the queue is held or the API is rate-limiting requests, fluxq probes the API at once \
            with one call.

            Only for administrators: root, the daemon's own user, and the users in access.admins or \
            access.admin_group. For other users the exit status is 77.

            Prints the queue's new state; --json prints the daemon's document.

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
