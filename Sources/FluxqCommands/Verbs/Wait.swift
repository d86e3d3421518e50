import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqModel

struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until jobs are done or failed.",
        discussion: """
            Prints one line for each job as it ends, in the order given. On a terminal, a live line shows state, \
            phase and elapsed time. Waiting continues across restarts of the daemon. Ctrl-C ends the waiting, not \
            the jobs.

            Exits with 0 if all are done, 1 if any failed, 75 on timeout.

            With --json: each job's document on one line.

            EXAMPLES
              fluxq wait 42 && fluxq fetch 42
              fluxq wait --timeout 600 41 42 43

            \(ExitStatus.help)
            """)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Total time to wait, in seconds.", valueName: "S"))
    var timeout: Int?

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Job numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64]

    /// A year.
    static let mostSeconds = 366 * 86_400

    func validate() throws {
        if let timeout, !(0...Self.mostSeconds).contains(timeout) {
            throw ValidationError(
                "--timeout must be a whole number of seconds from 0 to \(Self.mostSeconds), but is \(timeout).")
        }
    }

    func run() async throws {
        try await global.run { console in
            let which = ids.count == 1 ? "job \(ids[0]) continues" : "the jobs continue"
            let look = ids.map(String.init).joined(separator: " ")
            let interruption = Interruption(saying: "\(which); to see more: fluxq status \(look)", on: console)
            defer { interruption.end() }
            let watch = JobWatch(
                socket: global.controlSocket, console: console, deadline: timeout.map { .now + .seconds($0) })
            return try await EachJob(ids: ids, console: console).run { id in
                switch try await watch.follow(id) {
                case .finished(let job):
                    if console.json {
                        try console.print(JSONText.value(job.json))
                    } else {
                        try console.print(JobWords(job.document).summary)
                    }
                    return job.document.state == JobState.done.rawValue ? .success : .jobFailed
                case .timedOut(let job):
                    let summary = JobWords(job).summary
                    throw CommandFailure(
                        .tryLater, code: "timed_out",
                        "Timed out: \(summary)\(summary.hasSuffix(".") ? "" : ".") The job continues. To wait "
                            + "again: fluxq wait \(id)")
                }
            }
        }
    }
}
