import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqFormats

struct Usage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Show what you have used, what it cost, and what is left.",
        discussion: """
            Days and months begin at 00:00 UTC. Pictures of calls in flight are reserved until the answer arrives. \
            Pictures of calls with an unknown outcome may have been billed, so they still count.

            --all shows all users (administrators). With --json: the daemon's document, or a list of them, one on \
            each line.

            EXAMPLES
              fluxq usage
              fluxq usage --json | jq .limits.images_per_day.left
              fluxq usage --all

            \(ExitStatus.help)
            """)

    @Flag(help: "Show all users (administrators).")
    var all = false

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        try await global.run { console in
            try await global.connected(console) { client in
                if all {
                    try await showAll(client, console)
                } else {
                    let answer = try await client.usage()
                    if console.json {
                        try console.print(JSONText.value(answer.json))
                    } else {
                        try console.print(UsageSheet(usage: answer.document).lines(console.presentation))
                    }
                }
                return .success
            }
        }
    }

    private func showAll(_ client: ControlClient, _ console: Console) async throws {
        let answer = try await client.usageOfAll()
        guard console.json else {
            return try console.print(UsageTable(users: answer.document.users).lines(console.presentation))
        }
        guard case .array(let users) = try JSONText.value(answer.json)["users"] else {
            throw CommandFailure(.unavailable, code: "protocol_error", "The daemon's answer is not a list of users.")
        }
        try console.print(JSONText.lines(users))
    }
}
