import ArgumentParser
import FluxqControl
import FluxqControlClient

struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Queue failed jobs again, under their own numbers.",
        discussion: """
            The API is called again and may bill again; fluxq status ID shows whether earlier calls were billed. \
            Earlier attempts and pictures are kept. Only a failed job can be retried; for any other the exit status \
            is 65.

            Prints each job's new state; with --json each job's document on one line.

            EXAMPLES
              fluxq retry 42
              fluxq list --state failed --json | jq -r '.[] | select(.reason=="exhausted").id' | xargs -r fluxq retry

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Job numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64]

    func run() async throws {
        try await global.run(changes: true) { console in
            try await global.connected(console) { client in
                try await EachJob(ids: ids, console: console).run(changing: client.retry) { job in
                    "job \(job.id): \(JobWords(job).state) again"
                }
            }
        }
    }
}
