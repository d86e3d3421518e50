import ArgumentParser

/// `fluxqd`: the root of the daemon's command line.
struct FluxqdCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxqd",
        abstract: "The daemon of fluxq, a spooler for paid image edits.",
        discussion: """
            Holds the API key, accepts jobs over a Unix socket, calls the images API and saves every paid picture. \
            Usually run by systemd; see fluxqd.service.

            To try it without a key and at no cost, in a temporary directory:

              dir=$(mktemp -d)
              fluxqd --sandbox --state-directory $dir/state --socket $dir/fluxq.sock &
              fluxq submit --socket $dir/fluxq.sock --image photo.jpg --wait --output . "Make it a pencil sketch"
            """,
        version: "fluxqd 0.1.0",
        subcommands: [Run.self, Check.self, Backup.self, Purge.self, ReadState.self],
        defaultSubcommand: Run.self)

    init() {}
}
