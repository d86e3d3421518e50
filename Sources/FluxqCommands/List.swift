import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqModel

extension JobState: ExpressibleByArgument {}

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List your jobs, newest first.",
        discussion: """
            On a terminal, prompts are cut to its width and times say how long ago; in a pipe, prompts are whole and \
            times are local ones. An empty field is shown as -.

            With --json: a list of the jobs' documents as the daemon gives them, one on each line.

            EXAMPLES
              fluxq list
              fluxq list --state failed --limit 10
              fluxq list --label night --json | jq -r '.[].id'

            \(ExitStatus.help)
            """)

    @Option(help: ArgumentHelp("Only jobs in this state.", valueName: "STATE"))
    var state: JobState?

    @Option(help: ArgumentHelp("Only jobs with this label.", valueName: "TEXT"))
    var label: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("At most so many jobs.", valueName: "N"))
    var limit = 50

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
            try await ControlClient.withConnection(to: global.controlSocket) { client in
                let jobs = try await pages(client, json: console.json)
                if console.json {
                    try console.print(JSONText.lines(jobs.map(\.json)))
                } else if jobs.isEmpty {
                    if console.liveWidth != nil { console.note("no jobs") }
                } else {
                    try console.print(JobTable(jobs: jobs.map(\.document)).lines(console.presentation))
                }
                return .success
            }
        }
    }

    /// Follows the pages up to the limit.
    private func pages(_ client: ControlClient, json: Bool) async throws -> [Listed] {
        var jobs: [Listed] = []
        var before: Int64?
        while jobs.count < limit {
            let page = try await client.jobs(
                state: state?.rawValue, label: label, before: before, limit: min(limit - jobs.count, JobPage.mostJobs))
            jobs += try Listed.jobs(of: page, json: json).prefix(limit - jobs.count)
            // A page that does not go on from the one before would go on for ever.
            guard let next = page.document.next, !page.document.jobs.isEmpty, before.map({ next < $0 }) ?? true else {
                break
            }
            before = next
        }
        return jobs
    }
}
