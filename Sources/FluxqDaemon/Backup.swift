import ArgumentParser
import FluxqMaintenance
import Foundation
import Glibc

/// `fluxqd backup`: a copy of the state directory, while the daemon runs or not.
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the database and every file it refers to; with the daemon running or stopped.",
        discussion: """
            Into a directory: the layout of a state directory. What is there from an earlier backup is read and held against \
            its hash; what is whole is not copied again (--quick looks at sizes alone, which is no proof). The database is put in its place last, so the directory is a whole backup at every moment. Into a file whose name ends in .tar: the same, packed.

            There is no API key and no socket in a backup, but everybody's prompts and pictures: it is made for its owner \
            alone, and only where nobody else can write or lead the path elsewhere. As root it reads the state as the \
            state's owner, who needs room for the database in /var/tmp or $TMPDIR meanwhile. To restore one, stop fluxqd, copy the backup to an empty state directory, give it to fluxqd's user, \
            start fluxqd. What was queued when the backup was made may have been called since: those jobs come back as \
            failed: outcome_unknown, for their owners to retry, also those that wait for a time or were submitted with \
            on_unknown: retry. New jobs get numbers that were not given before.

            EXIT STATUS
              0   everything is in the backup
              1   the backup is made, but files that are damaged in the archive and in the backup are not in it; see
                  fluxqd check
              64  the command line cannot be understood
              71  no backup was made; an earlier one is as it was
              130 interrupted; an earlier one is as it was
            """)

    @Argument(help: ArgumentHelp("A directory, or a file whose name ends in .tar.", valueName: "file-or-directory"))
    var destination: String

    @OptionGroup var state: StateOptions

    @Flag(help: "Believe what an earlier backup has left if it is as long as it should be.")
    var quick = false

    init() {}

    func validate() throws {
        if destination.isEmpty { throw ValidationError("Name the file or directory that the backup goes to.") }
    }

    func run() async throws {
        try await Maintenance.run { terminal in
            let path = state.path
            try Maintenance.checkIsThere(path)
            let reader = try StateReader(of: path, quick: quick)
            let summary: StateBackup.Summary
            do {
                summary = try await StateBackup(
                    from: reader.stream, scrutiny: quick ? .sizes : .everyByte,
                    progress: { terminal.show("backing up: \($0.files) files, \($0.copiedBytes >> 20) MiB copied") }
                ).write(to: destination)
            } catch {
                await reader.end()
                throw error
            }
            await reader.end()
            terminal.clear()
            print(
                "\(destination): \(summary.files) files of the archive, \(summary.copied) of them new "
                    + "(\(summary.copiedBytes) bytes)")
            for hash in summary.mended { Self.tell("\(hash) was damaged in the backup and was copied again") }
            for hash in summary.onlyHere {
                Self.tell(
                    "\(hash) is damaged or missing in the archive, and whole in the backup: put it back, then start fluxqd again"
                )
            }
            for hash in summary.damaged {
                Self.tell("\(hash) is damaged or missing in the archive and not in the backup")
            }
            return summary.damaged.isEmpty ? EX_OK : EXIT_FAILURE
        }
    }

    private static func tell(_ text: String) {
        FileHandle.standardError.write(Data("fluxqd: \(text)\n".utf8))
    }
}
