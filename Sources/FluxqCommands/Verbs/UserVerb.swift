import ArgumentParser
import FluxqControl
import FluxqControlClient

struct UserVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Decide whose a uid is whose user name has changed (administrators).",
        discussion: """
            A deleted account's uid can be given to another person. fluxqd blocks a uid whose user name has changed: \
            its user can do nothing, and its jobs wait. fluxq status lists blocked uids for administrators.

            renamed: the same person under a new name, who keeps everything.
            replaced: another person, who starts with nothing. The previous user's queued jobs are canceled. Jobs, \
            pictures and costs move to a uid that no account can have. Administrators still find them with: fluxq \
            list --all

            EXAMPLES
              fluxq user 1000 renamed

            \(ExitStatus.help)
            """)

    enum Verdict: String, CaseIterable, ExpressibleByArgument {
        case renamed, replaced
    }

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("The uid.", valueName: "UID"))
    var uid: UInt32

    @Argument(help: ArgumentHelp("renamed (same person) or replaced (another person).", valueName: "VERDICT"))
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
