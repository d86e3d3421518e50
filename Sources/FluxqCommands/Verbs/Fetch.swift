import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqHost

struct Fetch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Download pictures and print their paths.",
        discussion: """
            Each picture is saved as <id>-<index>.<ext>, such as 42-1.png; the extension follows the file's format. \
            fluxq checks its hash first. Existing files are never overwritten. If a file already holds the same \
            picture, its path is printed. Any other existing file, also a symbolic link, is left unchanged: exit \
            status 65.

            Exit status 75 means that a job has no picture yet; 1 means that it failed without one. Pictures that a \
            failed or canceled job has saved can be fetched too. Data of an unknown format is saved as \
            <id>-<index>.bin, with a note on standard error.

            With --json: one line for each picture, with id, index, path, hash, media_type and bytes. If the path is \
            not UTF-8, path_base64 is added.

            EXAMPLES
              fluxq fetch 42
              fluxq fetch --output results 41 42 43
              xdg-open "$(fluxq fetch --index 1 42)"

            \(ExitStatus.help)
            """)

    @Option(
        help: ArgumentHelp("Output directory; created if missing (default: current directory).", valueName: "DIR"),
        transform: PathWord.read)
    var output: BytePath?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Only this picture of each job, from 1.", valueName: "N"))
    var index: Int?

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("Job numbers.", valueName: "ID"), transform: JobNumber.parse)
    var ids: [Int64]

    func validate() throws {
        if let index, index < 1 { throw ValidationError("--index counts from 1, but is \(index).") }
        if output?.bytes.isEmpty == true { throw ValidationError("--output needs a directory, but is empty.") }
    }

    func run() async throws {
        try await global.run { console in
            let interruption = Interruption(saying: "stopped; no partial picture is left behind", on: console)
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
