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
    /// Beside one for each picture.
    static let spareFiles: Int64 = 16

    private struct State {
        /// Pictures that calls in flight may still bring.
        var pictures = 0
        /// Pictures that ended calls may have brought, of all time.
        var released = 0
        var count: Count?
        var shortSince: Timestamp?
        /// A write found no room: what the file system says of itself does not end that, for it knows of no quota.
        var mustWrite = false

        /// How many pictures wait to be fetched, at most; nil if nobody has counted them lately.
        func pending(at now: Timestamp) -> Int? {
            guard let count, now >= count.at, now < count.at + DiskRoom.countLasts else { return nil }
            return count.pending + released - count.releasedBefore
        }
    }

    /// Pictures that were waiting to be fetched.
    private struct Count {
        let at: Timestamp
        let pending: Int
        let releasedBefore: Int
    }

    /// Counting takes a query, and calls may begin a thousand times a second.
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

    /// Tells uploads what they have to leave free.
    private func keepRoom(for pictures: Int64) {
        spool.keptRoom.bytes = bytes(for: pictures, settings.current.maxPictureBytes)
    }

    /// Sets room aside for pictures that a call may bring, until `release`; once its answer is recorded, rows remember them.
    func reserve(pictures: Int) {
        state.withLock { $0.pictures += pictures }
    }

    func release(pictures: Int) {
        state.withLock { state in
            state.pictures -= pictures
            state.released += pictures
        }
    }

    /// Whether one more call may begin: there is room for as many pictures as a call can bring, beside all that are on their
    /// way or wait to be fetched, each as large as a picture may be, and each with a file of its own.
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
                // No more than nobody else needs, so that no other write fails for it.
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
                note("Cannot read the free space of the disk: \(error). fluxqd tries again.")
            }
            return false
        }
    }

    private func bytes(for pictures: Int64, _ maxBytes: Int64) -> Int64 { Self.databaseBytes + pictures * maxBytes }

    /// What there is too little of for so many pictures, and what to do; nil if there is room.
    private func lack(in free: FreeSpace, for pictures: Int64, _ maxBytes: Int64) -> String? {
        let needed = bytes(for: pictures, maxBytes)
        guard free.bytes >= needed else {
            return "The disk with fluxqd's state directory has \(free.bytes.mebibytes) free; the next call needs "
                + "\(needed.mebibytes). That is downloads.max_bytes for each new picture and for each one still in "
                + "flight. \(Self.remedy)"
        }
        if let files = free.files, files < pictures + Self.spareFiles {
            return "The file system with fluxqd's state directory has \(files) free inodes (df -i); the next call "
                + "needs \(pictures + Self.spareFiles). \(Self.remedy)"
        }
        return nil
    }

    private func countPending(at now: Timestamp, in free: FreeSpace, _ maxBytes: Int64) async throws -> Int {
        let releasedBefore = state.withLock { $0.released }
        // More than there is room for need not be counted.
        let most = Int(clamping: free.bytes / max(maxBytes, 1) + 1)
        let pending = try await store.pendingPictures(atMost: most)
        state.withLock { $0.count = Count(at: now, pending: pending, releasedBefore: releasedBefore) }
        return pending
    }

    private static let remedy = "An administrator must free disk space; then calls continue automatically."

    /// Looks again where there was no room.
    func isStillShort() async -> Bool {
        guard state.withLock({ $0.shortSince != nil }) else { return false }
        return await !admitsCall()
    }

    /// A write found the disk full.
    func sawFullDisk() {
        state.withLock { $0.mustWrite = true }
        note(
            "The disk with fluxqd's state directory is full, or fluxqd has reached its quota. Paid pictures wait "
                + "for space, and nothing is lost. \(Self.remedy)")
    }

    /// Looks at an error of the archive or the store, whatever else is done about it.
    func look(at error: any Error) {
        if Self.isFull(error) { sawFullDisk() }
    }

    private static func isFull(_ error: any Error) -> Bool {
        switch error {
        case ArchiveError.full, StoreError.full: true
        default: false
        }
    }

    private func note(_ message: String) {
        let now = clock.now()
        let (since, isNew) = state.withLock { state in
            defer { state.shortSince = state.shortSince ?? now }
            return (state.shortSince ?? now, state.shortSince == nil)
        }
        if isNew { logger.error("not enough disk space: no new calls", metadata: ["error": "\(message)"]) }
        store.report(Shortage(since: since, message: message))
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

extension Int64 {
    fileprivate var mebibytes: String { "\(self >> 20) MiB" }
}
