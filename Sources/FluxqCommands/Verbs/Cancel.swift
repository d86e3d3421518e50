import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqModel

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel jobs.",
        discussion: """
            A queued job is canceled at once and costs nothing. A running job first finishes its call, because its \
            pictures are paid for: they are saved and can be fetched. Then the job is failed: canceled. A job that \
            is done or failed cannot be canceled: exit status 65.

            Prints each job's new state; with --json each job's document on one line.

            EXAMPLES
              fluxq cancel 42
              fluxq list --state queued --json | jq -r '.[].id' | xargs -r fluxq cancel

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Job numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64]

    func run() async throws {
        try await global.run(changes: true) { console in
            try await global.connected(console) { client in
                try await EachJob(ids: ids, console: console).run(changing: client.cancel, words: Self.outcome)
            }
        }
    }

    static func outcome(of job: JobDocument) -> String {
        job.state == JobState.running.rawValue
            ? "job \(job.id): is running and will be canceled; pictures of its call are still saved"
            : JobWords(job).summary
    }
}
