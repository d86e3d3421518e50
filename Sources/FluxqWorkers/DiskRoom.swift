import FluxqArchive
import FluxqHost
import FluxqModel
import FluxqStore
import FluxqWords
import Logging
import Synchronization

/// Tracks whether the state directory's file system has room for the pictures of calls and downloads, and reports a
/// shortage to the store. A call begins only if there is room for everything that it may buy.
final class DiskRoom: Sendable {
    /// Reserved for the database, so that a received answer can be recorded.
    static let databaseBytes: Int64 = 16 << 20
    /// Reserved in addition to one file for each picture.
    static let spareFiles: Int64 = 16

    private struct State {
        /// Pictures that calls in flight may still bring.
        var pictures = 0
        /// The number of pictures that ended calls may have brought, since the start.
        var released = 0
        var count: Count?
        var shortSince: Timestamp?
        /// True after a write found no room. Only a successful write ends this, because the free space that the file
        /// system reports ignores quotas.
        var mustWrite = false

        /// The largest possible number of pictures that wait to be downloaded; nil if there is no recent count.
        func pending(at now: Timestamp) -> Int? {
            guard let count, now >= count.at, now < count.at + DiskRoom.countLasts else { return nil }
            return count.pending + released - count.releasedBefore
        }
    }

    /// The number of pictures that were waiting to be downloaded at some time.
    private struct Count {
        let at: Timestamp
        let pending: Int
        let releasedBefore: Int
    }

    /// Counting needs a query, and calls may begin a thousand times a second.
    private static let countLasts = Duration.seconds(10)

    private let store: Store
    private let spool: Spool
    private let clock: any WorkClock
    private let settings: Reloadable<Workers.Settings>
    private let logger: Logger
    private let state = Mutex(State())

    init(_ parts: Workers.Parts) {
        store = parts.store
        spool = parts.archive.spool
        clock = parts.clock
        settings = parts.settings
        logger = parts.logger
        keepRoom(for: Int64(EditRequest.Bounds.n.upperBound))
    }

    /// Sets the room that uploads have to leave free.
    private func keepRoom(for pictures: Int64) {
        spool.keptRoom.bytes = bytes(for: pictures, settings.current.maxPictureBytes)
    }

    /// Reserves room for the pictures of a call, until `release`. Once the answer is recorded, rows count the pictures.
    func reserve(pictures: Int) {
        state.withLock { $0.pictures += pictures }
    }

    func release(pictures: Int) {
        state.withLock { state in
            state.pictures -= pictures
            state.released += pictures
        }
    }

    /// True if one more call may begin. There has to be room for as many pictures as a call can bring, in addition to
    /// those in flight or waiting to be downloaded. Each counts with the maximum size and a file of its own.
    func admitsCall() async -> Bool {
        let (inFlight, mustWrite) = state.withLock { ($0.pictures, $0.mustWrite) }
        let maxBytes = settings.current.maxPictureBytes
        do {
            let free = try await spool.freeSpace()
            func pictures(besides pending: Int) -> Int64 { Int64(pending + inFlight + EditRequest.Bounds.n.upperBound) }
            let now = clock.now()
            var pending = state.withLock { $0.pending(at: now) }
            if pending.map({ lack(in: free, for: pictures(besides: $0), maxBytes) != nil }) ?? true {
                pending = try await countPending(at: now, in: free, maxBytes)
            }
            let pictures = pictures(besides: pending ?? 0)
            keepRoom(for: pictures)
            if let lack = lack(in: free, for: pictures, maxBytes) {
                note(lack)
                return false
            }
            if mustWrite {
                // Writes only into spare room, so that no other write fails because of it.
                let spare = free.bytes - bytes(for: pictures, maxBytes)
                try await spool.tryWriting(bytes: min(maxBytes, spare))
                try await store.tryWriting()
            }
            endShortage()
            return true
        } catch {
            if Self.isFull(error) {
                sawFullDisk()
            } else {
                note(.unreadable(why: "\(error)"))
            }
            return false
        }
    }

    private func bytes(for pictures: Int64, _ maxBytes: Int64) -> Int64 { Self.databaseBytes + pictures * maxBytes }

    /// Returns the shortage for that many pictures, with a remedy; nil if there is room.
    private func lack(in free: FreeSpace, for pictures: Int64, _ maxBytes: Int64) -> Shortage.Cause? {
        let needed = bytes(for: pictures, maxBytes)
        guard free.bytes >= needed else { return .space(freeMiB: free.bytes >> 20, neededMiB: needed >> 20) }
        if let files = free.files, files < pictures + Self.spareFiles {
            return .files(free: files, needed: pictures + Self.spareFiles)
        }
        return nil
    }

    private func countPending(at now: Timestamp, in free: FreeSpace, _ maxBytes: Int64) async throws -> Int {
        let releasedBefore = state.withLock { $0.released }
        // Counts no more pictures than there is room for, plus one.
        let most = Int(clamping: free.bytes / max(maxBytes, 1) + 1)
        let pending = try await store.pendingPictures(atMost: most)
        state.withLock { $0.count = Count(at: now, pending: pending, releasedBefore: releasedBefore) }
        return pending
    }

    /// True if there was no room and still is none. Checks again.
    func isStillShort() async -> Bool {
        guard state.withLock({ $0.shortSince != nil }) else { return false }
        return await !admitsCall()
    }

    /// Called after a write found the disk full.
    func sawFullDisk() {
        state.withLock { $0.mustWrite = true }
        note(.full)
    }

    /// Checks whether an error of the archive or the store means a full disk. The caller still handles the error.
    func look(at error: any Error) {
        if Self.isFull(error) { sawFullDisk() }
    }

    private static func isFull(_ error: any Error) -> Bool {
        switch error {
        case ArchiveError.full, StoreError.full: true
        default: false
        }
    }

    private func note(_ cause: Shortage.Cause) {
        let now = clock.now()
        let (since, isNew) = state.withLock { state in
            defer { state.shortSince = state.shortSince ?? now }
            return (state.shortSince ?? now, state.shortSince == nil)
        }
        if isNew { logger.error("not enough disk space: no new calls", metadata: ["error": "\(cause.words)"]) }
        store.report(Shortage(since: since, cause: cause))
    }

    private func endShortage() {
        let wasShort = state.withLock { state in
            defer {
                state.shortSince = nil
                state.mustWrite = false
            }
            return state.shortSince != nil
        }
        guard wasShort else { return }
        logger.notice("there is enough disk space again")
        store.report(nil)
    }
}
