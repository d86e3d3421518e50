import FluxqArchive
import FluxqModel
import FluxqStore
import Logging
import Synchronization

/// Knows whether the file system of the state directory has room for what calls and downloads may bring, and has the store
/// tell everybody where it has not. Money moves only when there is a place for what it buys.
final class DiskRoom: Sendable {
    /// For the database, so that an answer that has come can be recorded.
    static let databaseBytes: Int64 = 16 << 20

    private struct State {
        /// Pictures that calls and downloads in flight may still bring.
        var pictures = 0
        var shortSince: Timestamp?
    }

    private let store: Store
    private let archive: Archive
    private let clock: any WorkClock
    private let settings: Reloadable<Workers.Settings>
    private let logger: Logger
    private let state = Mutex(State())

    init(_ parts: Workers.Parts) {
        store = parts.store
        archive = parts.archive
        clock = parts.clock
        settings = parts.settings
        logger = parts.logger
    }

    /// Sets room aside for pictures that are on their way, until `release`.
    func reserve(pictures: Int) {
        state.withLock { $0.pictures += pictures }
    }

    func release(pictures: Int) {
        state.withLock { $0.pictures -= pictures }
    }

    /// Whether one more call may begin: there is room for as many pictures as a call can bring, beside all that are on their
    /// way, each as large as a picture may be.
    func admitsCall() async -> Bool {
        let pictures = state.withLock { $0.pictures } + EditRequest.Bounds.n.upperBound
        let needed = Self.databaseBytes + Int64(pictures) * settings.current.maxPictureBytes
        do {
            let free = try await archive.freeBytes()
            guard free < needed else {
                endShortage()
                return true
            }
            note(
                "The disk with fluxqd's state directory has \(free.mebibytes) free, and the next call is made when it has "
                    + "\(needed.mebibytes): room for pictures of downloads.max_bytes each, those on their way included. "
                    + "An administrator has to make room; then everything goes on by itself.")
        } catch {
            note("How much room there is on the disk cannot be seen: \(error). It is tried again.")
        }
        return false
    }

    /// Looks again where there was no room.
    func isStillShort() async -> Bool {
        guard state.withLock({ $0.shortSince != nil }) else { return false }
        return await !admitsCall()
    }

    /// A write found the disk full.
    func sawFullDisk() {
        note(
            "The disk with fluxqd's state directory is full. What has been paid for waits for room, and nothing is lost. "
                + "An administrator has to make room; then everything goes on by itself.")
    }

    /// Looks at an error of the archive or the store, whatever else is done about it.
    func look(at error: any Error) {
        switch error {
        case ArchiveError.full, StoreError.full: sawFullDisk()
        default: break
        }
    }

    private func note(_ message: String) {
        let now = clock.now()
        let (since, isNew) = state.withLock { state in
            defer { state.shortSince = state.shortSince ?? now }
            return (state.shortSince ?? now, state.shortSince == nil)
        }
        if isNew { logger.error("no room on the disk: no new calls", metadata: ["error": "\(message)"]) }
        store.report(Shortage(since: since, message: message))
    }

    private func endShortage() {
        let wasShort = state.withLock { state in
            defer { state.shortSince = nil }
            return state.shortSince != nil
        }
        guard wasShort else { return }
        logger.notice("there is room on the disk again")
        store.report(nil)
    }
}

extension Int64 {
    fileprivate var mebibytes: String { "\(self >> 20) MiB" }
}
