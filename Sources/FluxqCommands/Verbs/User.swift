import ArgumentParser
import FluxqControl
import FluxqControlClient

struct User: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Say whose a user's number is that has come under another name (administrators).",
        discussion: """
            Accounts are deleted and their numbers given to others. A number that comes under another name than before is \
            held back: its user can do nothing, and its jobs wait. fluxq status tells administrators of each.

            renamed: it is the same person under a new name, who keeps everything.
            replaced: it is another person. What the earlier one has queued is canceled. Jobs, pictures and what they cost \
            go to a number that nobody can have, where administrators still find them (fluxq list --all), and the number \
            starts with nothing.

            EXAMPLES
              fluxq user 1000 renamed

            \(ExitStatus.help)
            """)

    enum Verdict: String, CaseIterable, ExpressibleByArgument {
        case renamed, replaced
    }

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("The user's number.", valueName: "UID"))
    var uid: UInt32

    @Argument(help: ArgumentHelp("Whose it is: renamed or replaced.", valueName: "VERDICT"))
    var verdict: Verdict

    func run() async throws {
        try await global.run(changes: true) { console in
            try await global.connected(console) { client in
                try console.print(queue: try await client.settleUser(uid, verdict.rawValue))
                return .success
            }
        }
    }
}
