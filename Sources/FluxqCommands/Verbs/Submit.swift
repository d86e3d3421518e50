import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqHost
import FluxqModel

extension EditRequest.ResponseFormat: ExpressibleByArgument {}
extension OnUnknown: ExpressibleByArgument {}

struct Submit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Queue one edit; print the job's number.",
        discussion: """
            Only the job's number is printed on standard output, so that scripts can capture it. The job is then \
            safely queued and runs even if you log out. A value out of range is rejected before anything is queued \
            or paid for.

            With --wait the number is printed at once, and fluxq exits when the job ends: 0 if it is done, 1 if it \
            failed. Ctrl-C ends the waiting, not the job. --output also downloads the pictures and prints each \
            picture's path on its own line, after the number.

            With --json the job's document is printed on one line: as it was queued, or with --wait as it ended. \
            `notes` warn that the picture is rotated (EXIF), contains its location (GPS) or is flawed. Without \
            --json they are printed on standard error. The picture is sent unchanged.

            PROMPTS
              A prompt may begin with a dash. Write a prompt that looks like an option, such as --dark, after --. \
            Other users of this host can see the command line for a moment, until fluxq hides it. They can also see \
            it in the arguments of programs that start fluxq (xargs, timeout, nohup). A prompt from a file or \
            standard input is never visible: --prompt-file FILE, --prompt-file - or the prompt -.

            EXAMPLES
              fluxq submit --image photo.jpg "Convert to quick pencil sketch"
              fluxq submit --image https://example.org/a.jpg --n 4 --strength 0.6 "Autumn"
              convert a.tiff png:- | fluxq submit --image - --wait "Remove the fence"
              fluxq submit --image photo.jpg --at 22:00 --output results "Make it night"
              id=$(fluxq submit --image photo.jpg --key order-1881 "Restore the colours")
              fluxq submit --image photo.jpg --prompt-file brief.txt
              fluxq submit --model gpt-image-1 --set size=1536x1024 --set quality=high "A lighthouse at dusk"

            MODELS AND THEIR FIELDS (--model, --set)
              fluxq models lists the models and the fields of each. The value of --set is sent as a JSON boolean \
            (true, false) or number if it is written as one, otherwise as text.

            TIMES (--at)
              2026-11-24T08:00:00Z      ISO 8601 with a zone
              "2026-11-24 08:00"        local time
              08:00                     the next 08:00, local time
              now+2h, +30min, +1h30min  from now; s, min, h and d

            \(ExitStatus.help)
            """)

    @Option(
        help: ArgumentHelp(
            "The picture to edit: a file, an http(s) link, or - for standard input.", valueName: "FILE|LINK|-"),
        transform: PathWord.read)
    var image: BytePath?

    @Option(
        name: .customLong("n"), parsing: .unconditional,
        help: ArgumentHelp("How many pictures, 1 to 4.", valueName: "N"))
    var count: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How far to depart from the picture, 0 to 1.", valueName: "X"), transform: Self.number)
    var strength: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The same seed gives the same result. By default fluxq chooses one and records it; -1 lets the API choose.",
            valueName: "N"))
    var seed: Int64?

    @Option(parsing: .unconditional, help: ArgumentHelp("Inference steps, 1 to 50.", valueName: "N"))
    var steps: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How closely to follow the prompt, 1 to 10.", valueName: "X"), transform: Self.number)
    var guidanceScale: Double?

    @Option(help: ArgumentHelp("What the result must not show.", valueName: "TEXT"))
    var negativePrompt: String?

    @Option(help: ArgumentHelp("How the API delivers the pictures.", valueName: "FORMAT"))
    var responseFormat: EditRequest.ResponseFormat?

    @Option(help: ArgumentHelp("Model to use instead of the default; see: fluxq models.", valueName: "MODEL"))
    var model: String?

    @Option(
        name: .customLong("set"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A field specific to the model; can be repeated.", valueName: "KEY=VALUE"),
        transform: FieldSetting.init(argument:))
    var settings: [FieldSetting] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("-100 to 100; of your own jobs, higher ones run first.", valueName: "N"))
    var priority: Int?

    @Option(help: ArgumentHelp("Label for finding the job later.", valueName: "TEXT"))
    var label: String?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Start time; see TIMES above.", valueName: "TIME"),
        transform: Self.time)
    var at: Timestamp?

    @Option(
        help: ArgumentHelp(
            "Idempotency key: submitting again with the same key and values returns the same job.", valueName: "KEY"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "If it is unknown whether a call was billed: `fail` (default) or `retry`, which may pay twice.",
            valueName: "CHOICE"))
    var onUnknown: OnUnknown?

    @Flag(help: "Wait until the job is done or failed.")
    var wait = false

    @Option(
        help: ArgumentHelp("Wait, then download the pictures into this directory.", valueName: "DIR"),
        transform: PathWord.read)
    var output: BytePath?

    @Option(
        help: ArgumentHelp("Read the prompt from a file, or - for standard input.", valueName: "FILE|-"),
        transform: PathWord.read)
    var promptFile: BytePath?

    @OptionGroup var global: GlobalOptions

    @Argument(
        help: ArgumentHelp(
            "What to do with the picture, in quotes; - reads it from standard input.", valueName: "PROMPT"))
    var prompt: String?

    func validate() throws {
        guard let source = PromptSource(argument: prompt, file: promptFile) else {
            throw ValidationError(
                prompt == nil
                    ? "the prompt is missing: give it in quotes, or with --prompt-file FILE."
                    : "give the prompt or --prompt-file, not both.")
        }
        if source == .standardInput, image == BytePath("-") {
            throw ValidationError("standard input cannot hold both the picture and the prompt. Read one from a file.")
        }
        _ = try FieldSetting.parameters(of: settings)
    }

    func run() async throws {
        try await global.run(changes: true) { console in
            // Local errors come first, before anything is queued: in the prompt, the picture and the output directory.
            let prompt = try await PromptSource(argument: prompt, file: promptFile)?.read(console)
            let named = image.map(PictureArgument.init(argument:))
            let picture = try await OpenPicture.open(named)
            defer { picture?.close() }
            let directory = try await openOutput()
            defer { directory?.close() }
            let interruption = Interruption(saying: "nothing was queued", on: console)
            defer { interruption.end() }
            let job = try await global.connected(console) { client in
                try await submit(prompt, named, picture, client, interruption)
            }
            let notes = await picture?.notes() ?? []
            let id = job.document.id
            interruption.say("job \(id) is queued and continues; to see its state: fluxq status \(id)")
            do {
                return try await finish(job, notes, directory, console)
            } catch {
                throw CommandFailure(queued: id, CommandFailure(any: error))
            }
        }
    }

    /// Runs all steps after the job was queued.
    private func finish(
        _ job: Answered<JobDocument>, _ notes: [String], _ directory: OutputDirectory?, _ console: Console
    ) async throws -> ExitStatus {
        let waits = wait || directory != nil
        if !waits || !console.json { try announce(job, notes, console) }
        if !console.json { notes.forEach(console.note) }
        if !waits { return .success }

        let ended = try await follow(job.document.id, console)
        if console.json { try announce(ended, notes, console) }
        if let directory, !ended.document.images.isEmpty {
            _ = try await global.connected(console) { client in
                try await PictureFetch(client: client, console: console, directory: directory).fetch(ended.document)
            }
        }
        return ended.document.state == JobState.done.rawValue ? .success : .jobFailed
    }

    private func openOutput() async throws -> OutputDirectory? {
        guard let output else { return nil }
        return try await OutputDirectory.open(output)
    }

    private func submit(
        _ prompt: String?, _ named: PictureArgument?, _ picture: OpenPicture?, _ client: ControlClient,
        _ interruption: Interruption
    ) async throws -> Answered<JobDocument> {
        var request = EditRequest.Draft()
        request.model = model
        request.prompt = prompt
        if case .reference(let text) = named { request.image = EditRequest.Image(wire: text) }
        if let picture { request.image = EditRequest.Image(wire: try await upload(picture, client)) }
        request.n = count
        request.strength = strength
        request.seed = seed
        request.steps = steps
        request.guidanceScale = guidanceScale
        request.negativePrompt = negativePrompt
        request.responseFormat = responseFormat
        request.parameters = try FieldSetting.parameters(of: settings)
        // A generated key makes it safe to resend a submit whose answer was lost.
        let options = JobSubmission.Options(
            priority: priority, label: label, notBefore: at.map(WireTime.init), onUnknown: onUnknown,
            key: key ?? Self.drawnKey())
        interruption.say("it is unknown whether the job was queued; check before you submit it again: fluxq list")
        do {
            return try await client.submit(JobSubmission(request: request, options: options))
        } catch ControlClientError.connectionLost(let path, let why) {
            guard key != nil else { throw ControlClientError.outcomeUnknown(path: path, why: why) }
            throw CommandFailure(
                .unavailable, code: "connection_lost",
                "The connection to the daemon at \(path) was lost: \(why). Submit it again with the same --key: if "
                    + "it was queued, you get the same job.")
        } catch ControlClientError.protocolError(let path, let why) {
            throw ControlClientError.outcomeUnknown(path: path, why: why)
        }
    }

    private func upload(_ picture: OpenPicture, _ client: ControlClient) async throws -> String {
        do {
            return try await client.putInput(picture.source).image
        } catch ControlClientError.problem(let problem) where [.notAPicture, .tooLarge].contains(problem.code) {
            throw await picture.complaint(problem)
        }
    }

    /// 128 random bits, so that keys are unique.
    private static func drawnKey() -> String {
        "once-" + (0..<2).map { _ in String(UInt64.random(in: 0 ... .max), radix: 36) }.joined(separator: "-")
    }

    private func announce(_ job: Answered<JobDocument>, _ notes: [String], _ console: Console) throws {
        if console.json {
            var document = try JSONText.value(job.json)
            if !notes.isEmpty, case .object(var members) = document {
                members["notes"] = .array(notes.map(JSONValue.string))
                document = .object(members)
            }
            try console.print(document)
        } else {
            try console.print("\(job.document.id)")
        }
    }

    private func follow(_ id: Int64, _ console: Console) async throws -> Answered<JobDocument> {
        let watch = JobWatch(socket: global.controlSocket, console: console, deadline: nil, known: .now)
        let ending = try await watch.follow(id)
        switch ending {
        case .finished(let job):
            let words = JobWords(job.document)
            let failed = job.document.state != JobState.done.rawValue
            if failed || job.document.warning != nil || console.liveWidth != nil { console.note(words.summary) }
            if failed { console.note("For details, run: fluxq status \(id)") }
            return job
        case .timedOut(let job):
            throw CommandFailure(.tryLater, code: "timed_out", JobWords(job).summary)
        }
    }

    private static func number(_ text: String) throws -> Double {
        guard let number = Double(text), number.isFinite else {
            throw ValidationError("it is not a number.")
        }
        return number
    }

    private static func time(_ text: String) throws -> Timestamp {
        do {
            return try StartTime.parse(text, now: .now(), clock: .system)
        } catch {
            throw ValidationError("\(error).")
        }
    }
}
