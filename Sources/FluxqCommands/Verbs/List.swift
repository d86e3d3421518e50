import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqModel

extension JobState: ExpressibleByArgument {}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List your jobs, newest first, or all users' jobs.",
        discussion: """
            On a terminal, prompts are cut to its width and times are relative. In a pipe, prompts are complete and \
            times are local. An empty field is shown as -.

            --all adds other users' running and queued jobs, showing only owner, state and queue position. \
            Administrators see all jobs of all users in full.

            With --json: a list of the daemon's documents of the jobs, one on each line. Other users' jobs have no id.

            EXAMPLES
              fluxq list
              fluxq list --state failed --limit 10
              fluxq list --all
              fluxq list --label night --json | jq -r '.[].id'

            \(ExitStatus.help)
            """)

    @Option(help: ArgumentHelp("Only jobs in this state.", valueName: "STATE"))
    var state: JobState?

    @Option(help: ArgumentHelp("Only jobs with this label.", valueName: "TEXT"))
    var label: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Maximum number of jobs.", valueName: "N"))
    var limit = 50

    @Flag(help: "Also show other users' queue positions; for administrators, all users' jobs.")
    var all = false

    @OptionGroup var global: GlobalOptions

    /// The number of jobs held in memory to align the columns.
    static let mostJobs = 100_000

    func validate() throws {
        guard (1...Self.mostJobs).contains(limit) else {
            throw ValidationError("--limit must be a whole number from 1 to \(Self.mostJobs), but is \(limit).")
        }
    }

    func run() async throws {
        try await global.run { console in
            try await global.connected(console) { client in
                let (jobs, first) = try await Listed.pages(
                    client, state: state, label: label, limit: limit, all: all, json: console.json)
                if console.json {
                    let others = try first.map(Listed.others(of:)) ?? []
                    try console.print(JSONText.lines(jobs.map(\.json) + others))
                    return .success
                }
                let others = first?.document.others
                if jobs.isEmpty, others?.isEmpty ?? true {
                    if console.liveWidth != nil { console.note("no jobs") }
                    return .success
                }
                let presentation = console.presentation
                var lines: [String] = []
                if !jobs.isEmpty {
                    let showsOwners = all && others == nil
                    lines += JobTable(jobs: jobs.map(\.document), showsOwners: showsOwners).lines(presentation)
                }
                if let others, !others.isEmpty {
                    if !jobs.isEmpty { lines.append("") }
                    lines += ["Other users:"] + OthersTable(jobs: others).lines(presentation)
                }
                try console.print(lines)
                return .success
            }
        }
    }
}
