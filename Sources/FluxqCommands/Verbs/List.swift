import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqModel

extension JobState: ExpressibleByArgument {}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List your jobs, newest first, or everybody's.",
        discussion: """
            On a terminal, prompts are cut to its width and times say how long ago; in a pipe, prompts are whole and \
            times are local ones. An empty field is shown as -.

            --all adds what runs and waits of others: whose it is, its state and its place in the line, and nothing \
            else. For administrators it is everybody's jobs with all there is to know.

            With --json: a list of the jobs' documents as the daemon gives them, one on each line; others' have no id.

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

    @Option(parsing: .unconditional, help: ArgumentHelp("At most so many jobs.", valueName: "N"))
    var limit = 50

    @Flag(help: "Not only yours: others' place in the line; for administrators, everybody's jobs.")
    var all = false

    @OptionGroup var global: GlobalOptions

    /// What is held in memory to align the columns.
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
                    lines += (jobs.isEmpty ? [] : [""]) + ["Of others:"] + OthersTable(jobs: others).lines(presentation)
                }
                try console.print(lines)
                return .success
            }
        }
    }
}
