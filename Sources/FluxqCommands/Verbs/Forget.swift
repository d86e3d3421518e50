import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqModel
import FluxqWords
import Glibc

struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Delete your ended jobs and their pictures.",
        discussion: """
            Select jobs by number, or with --label, --state and --before; all given conditions must match. fluxq \
            shows what it would delete (jobs, pictures, bytes) and asks. Without a terminal it needs --yes.

            Jobs and events are deleted at once; pictures that no other job uses are deleted within a day. Fetch \
            what you want to keep first: this cannot be undone. What the jobs cost still counts for every limit and \
            in fluxq usage. The --key of a job that may have cost money stays in use: the same key does not buy again.

            Only jobs that are done or failed can be forgotten, and only if fluxqd has no more pictures to download \
            for them. If you name another job, the exit status is 65. You cannot forget other users' jobs.

            Prints what was deleted; with --json a document with jobs, pictures, bytes and text_bytes.

            EXAMPLES
              fluxq forget 42 43
              fluxq forget --state failed --before 30d
              fluxq forget --label night --before 2026-11-01 --yes

            \(ExitStatus.help)
            """)

    @Option(help: ArgumentHelp("Only jobs with this label.", valueName: "TEXT"))
    var label: String?

    @Option(help: ArgumentHelp("Only jobs in this state: done or failed.", valueName: "STATE"))
    var state: JobState?

    @Option(
        help: ArgumentHelp(
            "Only jobs that ended before this time: 30d (30 days ago), 2026-11-01, \"2026-11-01 08:00\" or "
                + "2026-11-01T08:00:00Z.",
            valueName: "TIME"))
    var before: String?

    @Flag(help: "Do not ask for confirmation.")
    var yes = false

    @Flag(help: "Only show what would be deleted.")
    var dryRun = false

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Job numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64] = []

    func validate() throws {
        let describes = label != nil || state != nil || before != nil
        guard ids.isEmpty == describes else {
            throw ValidationError(
                ids.isEmpty
                    ? "Name the jobs: by number, or with --label, --state or --before."
                    : "Give job numbers or describe the jobs, not both.")
        }
        if let state, state != .done, state != .failed {
            throw ValidationError("--state must be done or failed: only jobs that have ended are forgotten.")
        }
        if let before {
            do throws(StartTime.Wrong) {
                _ = try StartTime.earlier(before, now: .now(), clock: .system)
            } catch {
                throw ValidationError(
                    "--before \"\(before)\" is not a time. Give one such as 30d (30 days ago), 2026-11-01, "
                        + "\"2026-11-01 08:00\" (local time) or 2026-11-01T08:00:00Z.")
            }
        }
    }

    func run() async throws {
        try await global.run(changes: true) { console in
            let time = try before.map { try StartTime.earlier($0, now: .now(), clock: .system) }
            return try await global.connected(console) { client in
                try await forget(client, console, before: time.map(WireTime.init))
            }
        }
    }

    private func forget(
        _ client: ControlClient, _ console: Console, before: WireTime?
    ) async throws -> ExitStatus {
        // At most this many numbers per request.
        var requests = [ForgetRequest(label: label, state: state?.rawValue, before: before)]
        if !ids.isEmpty {
            var seen: Set<Int64> = []
            let numbers = ids.filter { seen.insert($0).inserted }
            requests = stride(from: 0, to: numbers.count, by: ForgetRequest.mostJobs).map {
                ForgetRequest(ids: Array(numbers[$0..<min($0 + ForgetRequest.mostJobs, numbers.count)]))
            }
        }
        var status = ExitStatus.success
        var plan = ForgetDocument(before: WireTime(.now()))
        for index in requests.indices {
            requests[index].preview = true
            let preview = try await client.forget(requests[index]).document
            plan.add(preview)
            for staying in preview.staying ?? [] {
                console.complain(
                    CommandFailure(
                        .badInput, code: "not_forgotten",
                        "Job \(staying.id) was not forgotten. "
                            + "\(staying.problem)"))
                status = .badInput
            }
            // Jobs that end after the preview are not forgotten.
            requests[index].before = preview.before
            requests[index].preview = nil
        }
        if plan.pending > 0, ids.isEmpty {
            console.note("\(plan.pending) are not forgotten: fluxqd still has to download pictures that were paid for")
        }
        if dryRun || plan.jobs == 0 {
            try report(plan, console, dryRun ? "would be forgotten" : "forgotten")
            return status
        }
        if !yes {
            guard isatty(STDIN_FILENO) == 1, console.liveWidth != nil else {
                throw CommandFailure(
                    .usage, code: "not_confirmed",
                    "\(plan.words) would be deleted for good, but there is no terminal to ask on. To delete without "
                        + "a question, add --yes. Nothing was forgotten.")
            }
            console.show("\(plan.words) will be deleted for good. What they cost stays counted. Delete them? [y/N] ")
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                console.note("nothing was forgotten")
                return status
            }
        }
        var total = ForgetDocument(before: plan.before)
        for request in requests {
            var isMore = true
            while isMore {
                let done = try await client.forget(request).document
                total.add(done)
                isMore = done.more == true && done.jobs > 0
            }
        }
        try report(total, console, "forgotten")
        return status
    }

    private func report(_ document: ForgetDocument, _ console: Console, _ what: String) throws {
        if console.json {
            try console.print(
                .object([
                    "jobs": .integer(document.jobs), "pictures": .integer(document.pictures),
                    "bytes": .integer(document.bytes), "text_bytes": .integer(document.textBytes),
                ]))
        } else {
            try console.print("\(document.words) \(what)")
        }
    }
}

extension ForgetDocument {
    fileprivate mutating func add(_ other: ForgetDocument) {
        jobs += other.jobs
        pictures += other.pictures
        bytes += other.bytes
        textBytes += other.textBytes
        pending += other.pending
    }

    /// `3 jobs, 4 pictures (5.1 MiB)`.
    fileprivate var words: String {
        let pictures = self.pictures == 0 ? "" : ", \(self.pictures == 1 ? "1 picture" : "\(self.pictures) pictures")"
        let size = self.pictures == 0 ? "" : " (\(ByteCount.words(bytes)))"
        return "\(jobs == 1 ? "1 job" : "\(jobs) jobs")\(pictures)\(size)"
    }
}
