import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqModel

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of the queue, or all details of jobs.",
        discussion: """
            Without a number: whether the queue is held, paused or slowed down, why, and what to do. Then the number \
            of your jobs, the queued and running ones, and the last ones that ended.

            With numbers: each job's state and what it means, its times, request, pictures and the API's messages.

            A job is queued, running, done or failed. A queued job shows what it waits for: scheduled, backoff, \
            rate_limited, user_limit, budget, held or paused. A failed job shows why: rejected, moderated, no_image, \
            outcome_unknown, exhausted, link_lost or canceled.

            The details include the latest 100 calls. --calls prints all calls instead, newest first.

            With --json and no number: one document with queue, running, queued and finished. With numbers: each \
            job's document on one line. With --calls: each call on one line.

            EXAMPLES
              fluxq status
              fluxq status 42
              fluxq status --json 42 | jq -r .state

            \(ExitStatus.help)
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Job numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64] = []

    @Flag(help: "Print only the jobs' calls, newest first.")
    var calls = false

    func validate() throws {
        if calls, ids.isEmpty { throw ValidationError("--calls needs the number of a job.") }
    }

    func run() async throws {
        try await global.run { console in
            try await global.connected(console) { client in
                if ids.isEmpty { return try await overview(client, console) }
                return calls ? try await ledgers(client, console) : try await details(client, console)
            }
        }
    }

    private func details(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        var isFirst = true
        return try await EachJob(ids: ids, console: console).run { id in
            let answer = try await client.job(id)
            if console.json {
                try console.print(JSONText.value(answer.json))
            } else {
                let lines = JobDetails(job: answer.document).lines(console.presentation)
                try console.print(isFirst ? lines : [""] + lines)
                isFirst = false
            }
            return .success
        }
    }

    private func ledgers(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        try await EachJob(ids: ids, console: console).run { id in
            var before: Int?
            repeat {
                let page = try await client.calls(of: id, before: before)
                if console.json {
                    guard case .array(let values) = try JSONText.value(page.json)["calls"] else {
                        throw CommandFailure(
                            .unavailable, code: "protocol_error", "The daemon's answer is not a page of calls.")
                    }
                    try console.print(try values.map { try JSONText.line($0) })
                } else {
                    let presentation = console.presentation
                    try console.print(
                        page.document.calls.map {
                            "job \(id), call \($0.number): "
                                + LedgerLine($0).text(presentation, withMessage: true)
                        })
                }
                // Without this check, pages that do not continue the previous one would never end.
                guard let next = page.document.next, next < before ?? .max else { break }
                before = next
            } while true
            return .success
        }
    }

    /// Maximum number of running jobs, and of queued jobs, in the overview.
    private static let most = 20
    private static let mostFinished = 5

    private func overview(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let queue = try await client.queue()
        let counts = queue.document.counts
        func jobs(_ state: JobState, _ count: Int, most: Int) async throws -> [Listed] {
            if count == 0 { return [] }
            return try await Listed.pages(client, state: state, limit: most, json: console.json).jobs
        }
        let running = try await jobs(.running, counts.running, most: Self.most)
        let queued = try await jobs(.queued, counts.queued, most: Self.most)
        let finished =
            (try await jobs(.done, counts.done, most: Self.mostFinished)
            + jobs(.failed, counts.failed, most: Self.mostFinished))
            .sorted { $0.ended > $1.ended }.prefix(Self.mostFinished)

        if console.json {
            try console.print(
                .object([
                    "queue": try JSONText.value(queue.json), "running": .array(running.map(\.json)),
                    "queued": .array(queued.map(\.json)), "finished": .array(finished.map(\.json)),
                ]))
            return .success
        }
        let presentation = console.presentation
        var lines = QueueSummary(queue: queue.document).lines(presentation)
        let live = (running + queued).map(\.document)
        if !live.isEmpty { lines += ["", "Waiting and running:"] + JobTable(jobs: live).lines(presentation) }
        let unseen = counts.running + counts.queued - live.count
        if unseen > 0 { lines.append("and \(unseen) more; see: fluxq list --state queued --limit 1000") }
        if !finished.isEmpty {
            lines += ["", "Last ended:"] + JobTable(jobs: finished.map(\.document)).lines(presentation)
        }
        if counts.queued + counts.running + counts.done + counts.failed == 0 {
            lines.append("To begin: fluxq submit --image photo.jpg \"Convert to quick pencil sketch\"")
        }
        try console.print(lines)
        return .success
    }
}
