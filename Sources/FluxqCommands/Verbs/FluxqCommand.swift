import ArgumentParser

/// `fluxq`: the root of all verbs.
///
/// Every verb declares its name: finding it by reflection costs a millisecond at each start.
struct FluxqCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxq",
        abstract: "Edit pictures with a paid images API, through this host's spooler.",
        discussion: """
            You submit a prompt and a picture. The daemon fluxqd calls the API, which takes 10 to 90 seconds, and \
            saves every paid picture. Jobs continue when you log out, and fluxq never buys anything twice without \
            being asked.

            EXAMPLES
              fluxq submit --image photo.jpg "Convert to quick pencil sketch"
              fluxq wait 42 && fluxq fetch 42
              fluxq submit --image photo.jpg --output . "Make it snow"
              fluxq status

            Every verb has its own help: fluxq help submit.

            \(ExitStatus.help)

            ENVIRONMENT
              FLUXQ_SOCKET   the daemon's socket, unless --socket is given
              NO_COLOR       no colours
            """,
        version: "fluxq 0.1.0",
        subcommands: [
            Submit.self, Status.self, List.self, Wait.self, Fetch.self, Cancel.self, Retry.self, Forget.self,
            Pause.self, Resume.self, Usage.self, Models.self, UserVerb.self,
        ])
}
