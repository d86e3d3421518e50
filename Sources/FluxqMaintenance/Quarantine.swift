package import FluxqArchive
package import FluxqModel
package import FluxqStore
package import Logging

/// Prevents the use of damaged content: sets it aside, and marks the rows that refer to it.
///
/// ```
/// verify and move ──> objects/… to damaged/…, one step as seen by others that store the same content; synced
/// recordDamage    ──> the rows: downloaded again if a link is still valid, lost if there is none
/// look again      ──> whole in its place meanwhile? The rows are mended.
/// ```
///
/// The file is moved first. After a crash between the two steps, the rows refer to a missing file, and the next caller
/// that opens it records that. In the opposite order, rows of content that another caller is storing again could be
/// marked although their file is whole.
package struct Quarantine: Sendable {
    private let store: Store
    private let archive: any ContentStore
    private let logger: Logger

    package init(store: Store, archive: any ContentStore, logger: Logger) {
        self.store = store
        self.archive = archive
        self.logger = logger
    }

    /// Opens content after it has verified every byte: some milliseconds for a picture of some megabytes.
    ///
    /// - Returns: nil if it is not whole; it has then been set aside.
    package func open(_ hash: ContentHash) async throws -> ArchivedFile? {
        if let file = try await archive.openVerified(hash) { return file }
        try await setAside(hash)
        return nil
    }

    /// Checks content that rows refer to, and sets it aside if it is not whole.
    ///
    /// - Returns: its condition, and the damage recorded; nil if it is whole.
    @discardableResult
    package func examine(_ hash: ContentHash) async throws -> (condition: ObjectCondition, record: DamageRecord)? {
        if case .whole = try await archive.condition(of: hash) { return nil }
        return try await setAside(hash)
    }

    /// Marks damaged content as whole if its file was restored, for example from a backup.
    ///
    /// - Returns: true if it was restored.
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
