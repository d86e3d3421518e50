import ArgumentParser
import FluxqControl
import FluxqControlClient

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop new calls of the whole queue (administrators).",
        discussion: """
            Jobs are still accepted and wait. Calls in flight finish, and their pictures are saved. The pause \
            survives restarts of the daemon and ends with: fluxq resume. fluxq status shows every user since when \
            and by whom the queue is paused.

            Only for administrators: root, the daemon's own user, and the users in access.admins or \
            access.admin_group. For other users the exit status is 77.

            Prints the queue's new state; --json prints the daemon's document.

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
