package import FluxqArchive
import FluxqModel
package import FluxqStore
package import Logging

/// Does about a check's findings what can be done without anybody's decision. For who owns the state directory alone:
/// with the daemon stopped and its lock held.
package struct StateRepair: Sendable {
    private let store: Store
    private let archive: Archive
    private let quarantine: Quarantine
    private let grace: Duration

    package init(store: Store, archive: Archive, logger: Logger, grace: Duration = ObjectFiles.grace) {
        self.store = store
        self.archive = archive
        self.grace = grace
        quarantine = Quarantine(store: store, archive: archive, logger: logger)
    }

    /// - Returns: the report with what was done about each finding.
    package func run(_ report: CheckReport) async throws -> CheckReport {
        var report = report
        for index in report.findings.indices {
            try Task.checkCancellation()
            report.findings[index].repair = try await repair(report.findings[index])
        }
        for hash in try await store.damagedContent() where try await quarantine.mendIfWhole(hash) {
            report.mended.append(hash.description)
        }
        return report
    }

    private func repair(_ finding: Finding) async throws -> String? {
        guard let hash = finding.hash.flatMap({ ContentHash(wire: $0) }) else { return nil }
        switch finding.kind {
        case .damagedFile, .unreadableFile, .missingFile:
            guard let (condition, record) = try await quarantine.examine(hash) else { return nil }
            return Self.words(condition, record)
        case .strayFile:
            guard try await archive.remove(hash, olderThan: grace) else { return nil }
            return "Removed; \(finding.bytes ?? 0) bytes are free again."
        case .integrity, .reference, .records, .foreignFile:
            return nil
        }
    }

    private static func words(_ condition: ObjectCondition, _ record: DamageRecord) -> String {
        var sentences: [String] = []
        if condition != .missing { sentences.append("Moved to \(Archive.damagedName)/.") }
        if !record.refetched.isEmpty {
            sentences.append("fluxqd fetches it again when it runs: \(list(record.refetched)).")
        }
        if !record.lost.isEmpty { sentences.append("There is no link to fetch it again from: \(list(record.lost)).") }
        if record.inputs > 0 { sentences.append("Whose input it is has to send it again.") }
        return sentences.joined(separator: " ")
    }

    private static func list(_ pictures: [PictureID]) -> String {
        pictures.map(\.description).joined(separator: ", ")
    }
}
