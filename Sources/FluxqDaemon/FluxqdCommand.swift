import ArgumentParser

/// `fluxqd`: the root of the daemon's command line.
struct FluxqdCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxqd",
        abstract: "The daemon of fluxq, a spooler for paid image edits.",
        discussion: """
            Holds the API key, takes jobs over a Unix socket, calls the images API and keeps every picture that was paid \
            for. Usually run by systemd; see fluxqd.service.

            Try it without a key and without costs, in a directory of its own:

              dir=$(mktemp -d)
              fluxqd --sandbox --state-directory $dir/state --socket $dir/fluxq.sock &
              fluxq submit --socket $dir/fluxq.sock --image photo.jpg --wait --output . "Make it a pencil sketch"
            """,
        version: "fluxqd 0.1.0",
        subcommands: [Run.self, Check.self, Backup.self, Purge.self, ReadState.self],
        defaultSubcommand: Run.self)

    init() {}
}
