package import FluxqArchive
import FluxqModel
package import FluxqStore
package import Logging

/// Repairs the findings of a check that need no decision of a person. Used only by the owner of the state directory,
/// with the daemon stopped and its lock held.
package struct StateRepair: Sendable {
    private let store: Store
    private let archive: any ContentStore
    private let quarantine: Quarantine
    private let grace: Duration

    package init(store: Store, archive: any ContentStore, logger: Logger, grace: Duration = ContentEntry.grace) {
        self.store = store
        self.archive = archive
        self.grace = grace
        quarantine = Quarantine(store: store, archive: archive, logger: logger)
    }

    /// Mends first, then sets aside: content that a row refers to in any form is restored and never put away.
    ///
    /// - Parameter missingIsLost: true to continue although a whole part of the archive is missing.
    /// - Returns: the report with the repair of each finding. If one fails, its reason is included, and the repair
    ///   continues with the others.
    package func run(_ report: CheckReport, missingIsLost: Bool = false) async throws -> CheckReport {
        var report = report
        let parts = report.findings.filter { $0.kind == .missingPart }.compactMap(\.path)
        if !parts.isEmpty, !missingIsLost {
            report.refusal =
                "Nothing was repaired, because a whole part of the archive is missing: "
                + "\(parts.joined(separator: ", ")). "
                + "Is its file system mounted? If the files are lost for good, add --missing-is-lost."
            return report
        }
        for hash in try await store.damagedContent() {
            try Task.checkCancellation()
            do {
                if try await bringBack(hash) { report.mended.append(hash.description) }
            } catch {
                try Self.goOn(after: error)
                report.findings.append(
                    Finding(
                        .unreadableFile,
                        "A damaged file may be restored, but cannot be read: \(error).",
                        remedy: "Give the file to fluxqd's user and check the disk, then repair again.", hash: hash))
            }
        }
        let mended = Set(report.mended)
        report.findings.removeAll { $0.kind == .lostContent && $0.hash.map(mended.contains) == true }
        for index in report.findings.indices where report.findings[index].repair == nil {
            try Task.checkCancellation()
            do {
                report.findings[index].repair = try await repair(report.findings[index])
            } catch {
                try Self.goOn(after: error)
                report.findings[index].repair = "Nothing: \(error)."
            }
        }
        return report
    }

    /// Restores content that its rows call damaged or lost, if it is whole in its place or where it was set aside.
    private func bringBack(_ hash: ContentHash) async throws -> Bool {
        if try await quarantine.mendIfWhole(hash) { return true }
        guard try await archive.takeBack(hash) else { return false }
        return try await quarantine.mendIfWhole(hash)
    }

    /// One bad file does not stop the repair of the others; a failed or full disk does.
    private static func goOn(after error: any Error) throws {
        switch error {
        case is CancellationError: throw error
        case let error as ArchiveError where error.isFatal: throw error
        case ArchiveError.full: throw error
        case is StoreError: throw error
        default: break
        }
    }

    private func repair(_ finding: Finding) async throws -> String? {
        guard let hash = finding.hash.flatMap({ ContentHash(wire: $0) }) else { return nil }
        switch finding.kind {
        case .damagedFile, .unreadableFile, .missingFile:
            guard let (condition, record) = try await quarantine.examine(hash) else { return nil }
            return words(condition, record)
        case .strayFile:
            guard try await !store.isInUse(hash), try await archive.putAway(hash, olderThan: grace) else { return nil }
            return "Moved to \(archive.strayName)/, which fluxqd ignores. Check it, then remove it: "
                + "\(finding.bytes ?? 0) bytes."
        case .integrity, .reference, .records, .foreignFile, .missingPart, .lostContent:
            return nil
        }
    }

    private func words(_ condition: ObjectCondition, _ record: DamageRecord) -> String {
        var sentences: [String] = []
        if condition != .missing { sentences.append("Moved to \(archive.damagedName)/.") }
        if !record.refetched.isEmpty {
            sentences.append("fluxqd downloads it again when it runs: \(Self.list(record.refetched)).")
        }
        if !record.lost.isEmpty {
            sentences.append(
                "There is no link to download it again from: "
                    + "\(Self.list(record.lost)).")
        }
        if record.inputs > 0 { sentences.append("The owner of the input must upload it again.") }
        return sentences.joined(separator: " ")
    }

    private static func list(_ pictures: [PictureID]) -> String {
        pictures.map(\.description).joined(separator: ", ")
    }
}
