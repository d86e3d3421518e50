package import FluxqArchive
package import FluxqModel
package import FluxqStore
package import Logging

/// Keeps content that is not what it was from being used: it is set aside, and the rows that referred to it say so.
///
/// ```
/// verify and move ──> objects/… to damaged/…, one step with regard to others that store the same content; synced
/// recordDamage    ──> the rows: fetched again where a link lives, lost where none does
/// look again      ──> whole in its place meanwhile? The rows are mended.
/// ```
///
/// The file goes first. After a crash between the two the rows speak of a file that is missing, and the next look at
/// it, by any caller, records that. The other way round, rows of a content that is just being stored again could
/// be marked although their file is whole.
package struct Quarantine: Sendable {
    private let store: Store
    private let archive: any ContentStore
    private let logger: Logger

    package init(store: Store, archive: any ContentStore, logger: Logger) {
        self.store = store
        self.archive = archive
        self.logger = logger
    }

    /// Opens content, every byte of which has just been verified: some milliseconds for a picture of some megabytes.
    ///
    /// - Returns: nil if it is not whole; then it has been set aside.
    package func open(_ hash: ContentHash) async throws -> ArchivedFile? {
        if let file = try await archive.openVerified(hash) { return file }
        try await setAside(hash)
        return nil
    }

    /// Looks at content that rows refer to, and sets it aside if it is not whole.
    ///
    /// - Returns: how it was, and what was recorded about it; nil if it is whole.
    @discardableResult
    package func examine(_ hash: ContentHash) async throws -> (condition: ObjectCondition, record: DamageRecord)? {
        if case .whole = try await archive.condition(of: hash) { return nil }
        return try await setAside(hash)
    }

    /// Content that was damaged and may have come back, as from a backup.
    ///
    /// - Returns: whether it has.
    @discardableResult
    package func mendIfWhole(_ hash: ContentHash) async throws -> Bool {
        guard case .whole = try await archive.condition(of: hash) else { return false }
        try await store.mend(hash, picture: archive.picture(hash))
        logger.notice("A damaged file has been restored.", metadata: ["content": "\(hash)"])
        return true
    }

    @discardableResult
    private func setAside(_ hash: ContentHash) async throws -> (condition: ObjectCondition, record: DamageRecord)? {
        let condition = try await archive.setAside(hash)
        if case .whole = condition { return nil }
        let record = try await store.recordDamage(of: hash)
        if !record.isEmpty {
            logger.error(
                "A file of the archive is damaged and was moved to quarantine.",
                metadata: [
                    "content": "\(hash)", "condition": "\(condition)",
                    "fetched_again": "\(record.refetched.map(\.description))",
                    "lost": "\(record.lost.map(\.description))", "inputs": "\(record.inputs)",
                ])
        }
        try await mendIfWhole(hash)
        return (condition, record)
    }
}
