import ArgumentParser
import FluxqControl
import FluxqControlClient

struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Bring jobs' pictures out of the archive; print each path.",
        discussion: """
            Each picture becomes <id>-<index>.<ext> in the directory, the extension from what the bytes are: 42-1.png. \
            It is checked against the archive's hash before it gets its name. A file that is there already is never \
            overwritten: the very same picture is fine and its path is printed; anything else, a symbolic link too, is \
            left as it is and makes fluxq exit with 65.

            A job that has no picture yet makes it exit with 75, one that failed without any with 1. What a failed or \
            canceled job has saved can be fetched all the same. What came in a picture's place and is no picture that \
            fluxq knows becomes <id>-<index>.bin; standard error says so.

            With --json: id, index, path, hash, media_type and bytes of each picture on one line; path_base64 as well if \
            the path is not UTF-8.

            EXAMPLES
              fluxq fetch 42
              fluxq fetch --output results 41 42 43
              xdg-open "$(fluxq fetch --index 1 42)"

            \(ExitStatus.help)
            """)

    @Option(
        help: ArgumentHelp("Where to; made if it is missing. Without it the current directory.", valueName: "DIR"),
        transform: PathWord.read)
    var output: BytePath?

    @Option(parsing: .unconditional, help: ArgumentHelp("Only this picture of each job, from 1.", valueName: "N"))
    var index: Int?

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Jobs' numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64]

    func validate() throws {
        if let index, index < 1 { throw ValidationError("--index counts from 1, but is \(index).") }
        if output?.bytes.isEmpty == true { throw ValidationError("--output needs a directory, but is empty.") }
    }

    func run() async throws {
        try await global.run { console in
            let interruption = Interruption(saying: "stopped; no part of a picture is left behind", on: console)
            defer { interruption.end() }
            return try await global.connected(console) { client in
                let directory = try await OutputDirectory.open(output ?? BytePath("."))
                defer { directory.close() }
                let fetch = PictureFetch(client: client, console: console, directory: directory)
                return try await EachJob(ids: ids, console: console).run { id in
                    try await fetch.fetch(client.job(id).document, index: index)
                    return .success
                }
            }
        }
    }
}
