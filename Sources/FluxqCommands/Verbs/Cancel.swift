import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqModel

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel jobs.",
        discussion: """
            A queued job is canceled at once and costs nothing. A running one is marked: what its call still brings \
            has been paid for, so it is saved and stays fetchable, and then the job is failed: canceled. A job that \
            is done or failed cannot be canceled: exit status 65.

            Prints what became of each job; with --json each job's document on one line.

            EXAMPLES
              fluxq cancel 42
              fluxq list --state queued --json | jq -r '.[].id' | xargs -r fluxq cancel

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Jobs' numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64]

    func run() async throws {
        try await global.run(changes: true) { console in
            try await global.connected(console) { client in
                try await EachJob(ids: ids, console: console).run { id in
                    let answer = try await client.cancel(id)
                    if console.json {
                        try console.print(JSONText.value(answer.json))
                    } else {
                        try console.print(Self.outcome(of: answer.document))
                    }
                    return .success
                }
            }
        }
    }

    static func outcome(of job: JobDocument) -> String {
        job.state == JobState.running.rawValue
            ? "job \(job.id): is running and will be canceled; what its call still brings is kept"
            : JobWords(job).summary
    }
}
