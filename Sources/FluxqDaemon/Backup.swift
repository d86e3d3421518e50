import ArgumentParser
import FluxqMaintenance
import Foundation
import Glibc

/// `fluxqd backup`: a copy of the state directory, while the daemon runs or not.
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the database and every file it refers to. The daemon may be running.",
        discussion: """
            A backup directory has the layout of a state directory. Files of an earlier backup are read and checked \
            against their hashes; intact ones are not copied again. --quick compares only sizes, which proves less. \
            The database is written last, so the directory is a complete backup at every moment. A file whose name \
            ends in .tar gets the same content as a tar archive.

            A backup holds no API key and no socket, but all users' prompts and pictures. Only its owner can read \
            it, and fluxqd writes it only where no other user can write or redirect the path. Run as root, it reads \
            the state as the state's owner, who needs space for the database in /var/tmp or $TMPDIR. To restore a \
            backup: stop fluxqd, copy the backup to an empty state directory, give it to fluxqd's user, start \
            fluxqd. Jobs that were queued at the time of the backup may have been called since. They come back as \
            failed: outcome_unknown, so that their owners decide. This includes scheduled jobs and those with \
            on_unknown: retry. New jobs get numbers that were never used.

            EXIT STATUS
              0   everything is in the backup
              1   the backup was written, but without files that are damaged in both the archive and the backup; see \
            fluxqd check
              64  the command line is invalid
              71  no backup was written; an earlier one is unchanged
              130 interrupted; an earlier backup is unchanged
            """)

    @Argument(help: ArgumentHelp("Directory, or file whose name ends in .tar.", valueName: "file-or-directory"))
    var destination: String

    @OptionGroup var state: StateOptions

    @Flag(help: "Trust files of an earlier backup that have the right size.")
    var quick = false

    init() {}

    func validate() throws {
        if destination.isEmpty { throw ValidationError("Name the file or directory to back up to.") }
    }

    func run() async throws {
        try await Maintenance.run { terminal in
            let path = state.path
            try Maintenance.checkIsThere(path)
            let reader = try await StateReader(of: path, quick: quick)
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
            for hash in summary.mended { Self.tell("\(hash) was damaged in the backup and has been copied again") }
            for hash in summary.onlyHere {
                Self.tell(
                    "\(hash) is damaged or missing in the archive, but intact in the backup: copy it back, then "
                        + "start fluxqd again"
                )
            }
            for hash in summary.damaged {
                Self.tell("\(hash) is damaged or missing in the archive, and not in the backup")
            }
            return summary.damaged.isEmpty ? EX_OK : EXIT_FAILURE
        }
    }

    private static func tell(_ text: String) {
        FileHandle.standardError.write(Data("fluxqd: \(text)\n".utf8))
    }
}
