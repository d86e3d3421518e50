import ArgumentParser
import FluxqArchive
import FluxqMaintenance
import FluxqModel
import FluxqStore
import Foundation
import Glibc
import Logging

/// `fluxqd check`: checks everything in the state directory.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the database, the ledger and every archived file. The daemon may be running.",
        discussion: """
            Reads the whole database and archive and changes nothing; it does not disturb a running daemon. It \
            checks the database, whether the ledger, the jobs and the users' sums agree, and every file's hash. Run \
            it as root or as fluxqd's user.

            A running fluxqd reads every file once a week and quarantines damaged ones. --repair does this at once; \
            stop fluxqd first. Files restored from a backup are used again. Damaged files are moved to damaged/. The \
            next fluxqd downloads damaged or missing pictures again if their links are still valid. Files that the \
            database does not know are moved to stray/. Nothing is deleted. If a whole part of the archive is \
            missing, nothing is changed: its file system may not be mounted.

            EXIT STATUS
              0   no damage; there may be leftover files
              1   something is damaged or lost; each finding says what to do or what was done
              64  the command line is invalid
              71  the state directory cannot be read
              130 interrupted
            """)

    @OptionGroup var state: StateOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "Restore intact files, and quarantine damaged or leftover ones. fluxqd must be stopped.")
    var repair = false

    @Flag(help: "With --repair: treat a missing part of the archive as lost, not as unmounted.")
    var missingIsLost = false

    init() {}

    func validate() throws {
        if missingIsLost, !repair { throw ValidationError("--missing-is-lost needs --repair.") }
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
            // A damaged database must not be written to.
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
        let store = try Store(path: "\(path)/queue.sqlite", now: { .now() })
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
    /// The report on one line.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// The report for a person: what was checked, then each finding with what to do.
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
        lines.append(damaged == 0 ? "No damage found." : "\(damaged) things are damaged.")
        return lines.joined(separator: "\n")
    }
}
