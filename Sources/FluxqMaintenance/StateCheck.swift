import FluxqArchive
import FluxqModel
import FluxqStore

/// Checks everything in a state directory, with or without a running daemon, and changes nothing.
///
/// Concurrent changes of the daemon are no findings. A row counts only if it still exists after its file was found bad.
/// A file is stray only if it is old and rows read after it do not refer to it.
package struct StateCheck: Sendable {
    /// The progress of a check, for a person who waits.
    package enum Step: Hashable, Sendable {
        case database
        case archive(bucket: UInt8, files: Int, bytes: Int64)
    }

    private let content: any ContentReader
    private let grace: Duration
    private let progress: @Sendable (Step) -> Void
    private let directory: String

    /// - Parameters:
    /// - directory: the state directory, which exists.
    /// - grace: the age at which a file without a row is stray.
    package init(
        directory: String, grace: Duration = ContentEntry.grace,
        progress: @escaping @Sendable (Step) -> Void = { _ in }
    ) {
        self.directory = directory
        self.grace = grace
        self.progress = progress
        content = ObjectFiles(directory: directory)
    }

    /// - Throws: `CancellationError` if the task is canceled; otherwise the error that prevented the check.
    package func run() async throws -> CheckReport {
        var report = CheckReport(stateDirectory: directory)
        do {
            let store = try ReadOnlyStore(path: "\(directory)/queue.sqlite")
            try await check(store, &report)
            try store.close()
        } catch StoreError.damaged(let detail) {
            report.findings.append(.damagedDatabase(detail))
        } catch {
            try Task.checkCancellation()
            throw error
        }
        return report
    }

    private func check(_ store: ReadOnlyStore, _ report: inout CheckReport) async throws {
        progress(.database)
        for defect in try await store.defects() { report.findings.append(Finding(defect)) }
        // A damaged database gives no reliable counts, and nothing to compare the files with.
        guard !report.findings.contains(where: { $0.kind == .integrity }) else { return }
        let size = try await store.size()
        (report.jobs, report.calls, report.users) = (size.jobs, size.calls, size.users)
        var all = Presence()
        for bucket in ContentBuckets.all { try await check(bucket, store, &report, &all) }
        guard MissingPart.isMissing(expected: all.expected, missing: all.missing) else { return }
        // One finding for all of it instead of 256.
        report.findings.removeAll { $0.kind == .missingPart }
        report.findings.append(.missingPart("\(directory)/objects", files: all.expected))
    }

    /// The number of files that rows refer to, and of those that are missing.
    private struct Presence {
        var expected = 0
        var missing = 0
    }

    private func check(
        _ bucket: UInt8, _ store: ReadOnlyStore, _ report: inout CheckReport, _ all: inout Presence
    ) async throws {
        progress(.archive(bucket: bucket, files: report.files, bytes: report.bytes))
        // Reads the files before the rows: a file that is old and still has no row will not get one.
        let path = content.path(ofBucket: bucket)
        var entries: [ContentEntry]?
        var hasDirectory = true
        do throws(ArchiveError) {
            entries = try await content.entries(in: bucket)
            hasDirectory = entries != nil
        } catch {
            report.findings.append(
                Finding(
                    .unreadableFile, "\(error)",
                    remedy: "Check the disk and the kernel's log; run the check as root or as fluxqd's user.",
                    path: path))
        }
        let references = try await store.references(in: bucket)
        var own = Presence()
        for reference in references {
            try Task.checkCancellation()
            guard reference.isExpected else {
                if let loss = try await loss(of: reference.hash, store) { report.findings.append(loss) }
                continue
            }
            own.expected += 1
            guard let finding = try await check(reference.hash, store, &report) else { continue }
            if finding.kind == .missingFile { own.missing += 1 }
            report.findings.append(finding)
        }
        if MissingPart.isMissing(expected: own.expected, missing: own.missing, hasDirectory: hasDirectory) {
            report.findings.append(.missingPart(path, files: own.expected))
        }
        all.expected += own.expected
        all.missing += own.missing
        let remembered = Set(references.map(\.hash))
        for entry in entries ?? [] {
            guard let hash = entry.hash else {
                report.findings.append(.foreign(entry))
                continue
            }
            if !remembered.contains(hash), entry.age >= grace { report.findings.append(.stray(hash, entry)) }
        }
    }

    /// - Returns: nil if all lost content is being downloaded again.
    private func loss(of hash: ContentHash, _ store: ReadOnlyStore) async throws -> Finding? {
        let losses = try await store.losses(of: hash).filter {
            if case .refetched = $0 { false } else { true }
        }
        return losses.isEmpty ? nil : .lost(hash, path: content.path(of: hash), losses)
    }

    private func check(
        _ hash: ContentHash, _ store: ReadOnlyStore, _ report: inout CheckReport
    ) async throws -> Finding? {
        let condition: ObjectCondition
        do throws(ArchiveError) {
            condition = try await content.condition(of: hash)
        } catch {
            return Finding(
                .unreadableFile, "\(error)",
                remedy: "Run the check as root or as fluxqd's user; nobody else may read the archive.", hash: hash,
                path: content.path(of: hash))
        }
        if case .whole(let bytes) = condition {
            report.files += 1
            report.bytes += bytes
            return nil
        }
        let uses = try await store.uses(of: hash)
        return uses.isEmpty ? nil : Finding(condition, of: hash, path: content.path(of: hash), uses: uses)
    }
}

extension Finding {
    fileprivate static func damagedDatabase(_ detail: String) -> Finding {
        Finding(
            .integrity, "The database is damaged: \(detail).",
            remedy: "Stop fluxqd, keep the state directory as it is, and restore the latest backup into another one.")
    }

    fileprivate init(_ defect: ReadOnlyStore.Defect) {
        switch defect {
        case .integrity(let detail):
            self = .damagedDatabase(detail)
        case .reference(let table, let row, let parent):
            self.init(
                .reference,
                "Row \(row.map(String.init) ?? "?") of table \(table) refers to a missing row of \(parent).",
                remedy: "Another program has changed the database. Restore the latest backup.")
        case .records(let rule, let detail):
            self.init(
                .records, "In the records \(rule): \(detail).",
                remedy: "fluxqd never writes that. Unless another program has changed the database, report this as "
                    + "a bug of fluxq, with the database.")
        }
    }

    fileprivate init(_ condition: ObjectCondition, of hash: ContentHash, path: String, uses: [ContentUse]) {
        let subject = Self.words(uses)
        let remedy =
            "fluxqd quarantines it when it next reads it, and downloads it again if its link is still valid. To do "
            + "so at once, stop fluxqd and run fluxqd check --repair. You can also replace it with a copy from "
            + "a backup."
        switch condition {
        case .whole(let bytes), .damaged(_, let bytes):
            self.init(
                .damagedFile, "The file of \(subject) is damaged: its \(bytes) bytes do not have the hash of its name.",
                remedy: remedy, hash: hash, path: path, bytes: bytes)
        case .unreadable(let detail):
            self.init(
                .unreadableFile, "The file of \(subject) cannot be read (\(detail)).",
                remedy: "Check the disk and the kernel's log. " + remedy, hash: hash, path: path)
        case .missing:
            self.init(
                .missingFile, "The file of \(subject) is missing.", remedy: remedy, hash: hash, path: path)
        }
    }

    private static func words(_ uses: [ContentUse]) -> String {
        uses.prefix(3).map(\.description).joined(separator: ", ")
            + (uses.count > 3 ? " and \(uses.count - 3) more" : "")
    }

    fileprivate static func lost(_ hash: ContentHash, path: String, _ uses: [ContentUse]) -> Finding {
        Finding(
            .lostContent, "Content found damaged earlier is still lost: \(words(uses)).",
            remedy:
                "Put an intact copy there, for example from a backup; fluxqd check --repair or the next start of "
                + "fluxqd uses it. The owner of an input can upload it again.", hash: hash, path: path)
    }

    fileprivate static func missingPart(_ path: String, files: Int) -> Finding {
        Finding(
            .missingPart,
            files == 1
                ? "The only file that rows refer to in \(path) is missing."
                : "All \(files) files that rows refer to in \(path) are missing.",
            remedy:
                "Is its file system mounted? Mount it, or restore the files from a backup. Only if they are lost "
                + "for good: "
                + "fluxqd check --repair --missing-is-lost.", path: path)
    }

    fileprivate static func stray(_ hash: ContentHash, _ entry: ContentEntry) -> Finding {
        Finding(
            .strayFile, "No job and no input refers to this file of \(entry.bytes) bytes.",
            remedy: "It is harmless. With fluxqd stopped, fluxqd check --repair moves it to stray/.", hash: hash,
            path: entry.path, bytes: entry.bytes)
    }

    fileprivate static func foreign(_ entry: ContentEntry) -> Finding {
        Finding(
            .foreignFile, "This file does not belong to fluxqd.", remedy: "Move it elsewhere.", path: entry.path,
            bytes: entry.bytes)
    }
}
