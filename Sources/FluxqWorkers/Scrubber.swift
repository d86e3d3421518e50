import FluxqArchive
import FluxqHost
import FluxqMaintenance
import FluxqModel
import FluxqStore
import Logging

/// Reads every archived file about once a week and compares it with its hash. So damage is found while a picture's link
/// is still valid. It is slow by design: one bucket of the archive at a time, no faster than `bytesPerSecond`.
struct Scrubber: Sendable {
    /// Links are valid for seven days; each file is checked before that.
    private static let round = Duration.seconds(6 * 24 * 3600)
    private static let bytesPerSecond: Int64 = 20 << 20

    private let store: Store
    private let quarantine: Quarantine
    private let content: any ContentReader
    private let firstBucket: UInt8
    private let clock: any WorkClock
    private let logger: Logger

    init(_ parts: Workers.Parts) {
        firstBucket = parts.settings.current.firstScrubbedBucket
        store = parts.store
        content = parts.archive
        quarantine = Quarantine(store: parts.store, archive: parts.archive, logger: parts.logger)
        clock = parts.clock
        logger = parts.logger
    }

    /// Runs until the task is canceled.
    func run() async {
        do {
            await mend()
            var bucket = firstBucket
            while true {
                try await clock.sleep(until: clock.now() + Self.round / ContentBuckets.all.count)
                try await scrub(bucket)
                bucket &+= 1
            }
        } catch {
            // The daemon is stopping.
        }
    }

    /// Marks content as whole that was restored while fluxqd was stopped.
    private func mend() async {
        let damaged: [ContentHash]
        do {
            damaged = try await store.damagedContent()
        } catch {
            logger.failure("cannot check for restored files", error)
            return
        }
        for hash in damaged where !Task.isCancelled {
            do {
                try await quarantine.mendIfWhole(hash)
            } catch {
                logger.failure("cannot check a file that may be restored", error, ["content": "\(hash)"])
            }
        }
    }

    /// - Throws: only if the task is canceled.
    func scrub(_ bucket: UInt8) async throws {
        let references: [ContentReference]
        do {
            references = try await store.references(in: bucket).filter(\.isExpected)
            guard try await isThere(bucket, references) else { return }
        } catch {
            logger.failure("cannot scrub the archive", error)
            return
        }
        for reference in references {
            do {
                try await quarantine.examine(reference.hash)
            } catch {
                logger.failure("cannot scrub a file", error, ["content": "\(reference.hash)"])
            }
            let rest = Duration.milliseconds((reference.bytes ?? 0) * 1000 / Self.bytesPerSecond)
            try await clock.sleep(until: clock.now() + rest)
        }
    }

    /// False if every file is missing. Then the file system is probably not mounted, and nothing is recorded as lost.
    private func isThere(_ bucket: UInt8, _ references: [ContentReference]) async throws -> Bool {
        let entries = try await content.entries(in: bucket)
        let found = Set((entries ?? []).compactMap(\.hash))
        let missing = references.count { !found.contains($0.hash) }
        guard MissingPart.isMissing(expected: references.count, missing: missing, hasDirectory: entries != nil) else {
            return true
        }
        logger.error(
            "All files of one part of the archive are missing. Is its file system mounted?",
            metadata: ["directory": "\(content.path(ofBucket: bucket))", "files": "\(references.count)"])
        return false
    }
}
