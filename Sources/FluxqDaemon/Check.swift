import ArgumentParser
import FluxqArchive
import FluxqMaintenance
import FluxqStore
import FluxqWorkers
import Foundation
import Glibc
import Logging

/// `fluxqd check`: whether everything in the state directory is as it should be.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the database, the ledger and every archived file; with the daemon running or stopped.",
        discussion: """
            Reads all of the database and of the archive and changes nothing; a running daemon is not disturbed. It tells \
            whether the database is sound, whether the ledger, the jobs and the users' sums agree, and for every file \
            whether its bytes have the hash that is its name. To be run as root or as fluxqd's user.

            A running fluxqd sets what is damaged aside by itself, when it comes upon it: once a week it reads every \
            file. With --repair, which needs fluxqd to be stopped, it is done at once: what was put back into its place, \
            as from a backup, is used again; what is damaged or missing is set aside in damaged/, and fetched again by the \
            next fluxqd where its link still lives; files that no row remembers are moved to stray/. Nothing is deleted. \
            Where a whole part of the archive is missing, nothing is done: its file system may not be mounted.

            EXIT STATUS
              0   all is well; there may be leftovers
              1   something was damaged when it looked, or is lost since an earlier damage; each thing is named, with
                  what to do or what was done
              64  the command line cannot be understood
              71  the state directory cannot be looked at
              130 interrupted
            """)

    @OptionGroup var state: StateOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "Bring back what is whole again, set aside what is damaged or left over; fluxqd must be stopped.")
    var repair = false

    @Flag(help: "With --repair: a whole part of the archive that is missing is lost, not just away.")
    var missingIsLost = false

    init() {}

    func validate() throws {
        if missingIsLost, !repair { throw ValidationError("--missing-is-lost goes with --repair.") }
    }

    func run() async throws {
        try await Maintenance.run { terminal in
            let path = state.path
            try StateOwner.become(ownerOf: path)
            try Maintenance.checkIsThere(path)
            let lock = repair ? try Self.lock(path) : nil
            defer { lock?.release() }
            var report = try await StateCheck(
                directory: path, progress: { terminal.show(Self.words($0)) }
            ).run()
            terminal.clear()
            // Where the database itself is damaged, nothing may be written into it.
            if repair, !report.findings.contains(where: { $0.kind == .integrity }) {
                report = try await Self.repair(path, report, missingIsLost: missingIsLost)
            }
            print(try json ? report.json : report.words)
            return report.isSound && report.refusal == nil ? EX_OK : EXIT_FAILURE
        }
    }

    private static func lock(_ path: String) throws -> StateDirectory {
        do {
            return try StateDirectory.open(path: path)
        } catch .inUse(_, let processID) {
            throw StateUnreadable.running(path, processID: processID)
        }
    }

    private static func repair(
        _ path: String, _ report: CheckReport, missingIsLost: Bool
    ) async throws -> CheckReport {
        let clock = SystemClock()
        let store = try Store(path: "\(path)/queue.sqlite", now: { clock.now() })
        var logger = Logger(label: "fluxqd")
        logger.logLevel = .critical
        let repaired = try await StateRepair(
            store: store, archive: LocalArchive(directory: path), logger: logger
        ).run(report, missingIsLost: missingIsLost)
        try store.close()
        return repaired
    }

    private static func words(_ step: StateCheck.Step) -> String {
        switch step {
        case .database: "checking the database"
        case .archive(let bucket, let files, let bytes):
            "checking the archive: \(Int(bucket) * 100 / 256) %, \(files) files, \(bytes >> 20) MiB"
        }
    }
}

extension CheckReport {
    /// One line.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// For a person: what was looked at, then each finding with what to do.
    var words: String {
        var lines = [
            "\(stateDirectory): \(jobs) jobs of \(users) users, \(calls) calls; "
                + "\(files) files of the archive, \(bytes) bytes"
        ]
        for finding in findings {
            lines.append("")
            lines.append("\(finding.isDamage ? "DAMAGED" : "left over"): \(finding.message)")
            if let path = finding.path { lines.append("  file    \(path)") }
            lines.append("  to do   \(finding.remedy)")
            if let repair = finding.repair { lines.append("  done    \(repair)") }
        }
        if !findings.isEmpty { lines.append("") }
        if !mended.isEmpty { lines.append("Whole again: \(mended.joined(separator: ", ")).") }
        let damaged = findings.count(where: \.isDamage)
        let strays = findings.filter { $0.kind == .strayFile }
        if !strays.isEmpty {
            lines.append("Without a row: \(strays.count) files, \(strays.compactMap(\.bytes).reduce(0, +)) bytes.")
        }
        if let refusal { lines.append(refusal) }
        lines.append(damaged == 0 ? "All is well." : "\(damaged) things are damaged.")
        return lines.joined(separator: "\n")
    }
}
