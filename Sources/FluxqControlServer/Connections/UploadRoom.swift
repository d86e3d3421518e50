import FluxqArchive
import FluxqControl
import FluxqModel
import FluxqStore
import Synchronization

/// Promises disk space to uploads before their bytes are written, so that neither one user's uploads nor all together
/// exceed the limits.
///
/// | bound | applies to |
/// |---|---|
/// | `limits.input_bytes` | each upload |
/// | `limits.unused_input_bytes`, `limits.archive_bytes` | the user's stored bytes and uploads in progress |
/// | the file system, without the space kept for calls | all uploads in progress; one user's at most what is still free |
package final class UploadRoom: Sendable {
    private struct State {
        /// Bytes promised to uploads, by their owner's uid.
        var promised: [UInt32: Int64] = [:]
        var allPromised: Int64 = 0
        /// The part of them that is not written yet.
        var unwritten: Int64 = 0
        /// Users with an upload over their limits, which may be a picture that they already have.
        var known: Set<UInt32> = []
    }

    /// The bytes promised at a time to an upload of unknown size.
    private static let step: Int64 = 1 << 20

    private let store: Store
    private let spool: Spool
    private let state = Mutex(State())
    /// Two concurrent promises to one user would not see each other.
    private let perUserLock = PerUserLock()

    init(store: Store, spool: Spool) {
        self.store = store
        self.spool = spool
    }

    /// Bytes promised to a user's uploads in progress.
    func promised(to uid: UInt32) -> Int64 { state.withLock { $0.promised[uid] ?? 0 } }

    /// Begins an upload.
    ///
    /// - Parameter length: its bytes, if known; they are promised immediately.
    /// - Throws: `Problem.overLimit` and `Problem.noRoomForUpload`.
    func begin(of owner: User, length: Int64?) async throws -> Upload {
        let upload = Upload(room: self, owner: owner, length: length)
        if let length, length > 0 { try await upload.grow(to: length) }
        return upload
    }

    /// Belongs to the one task of its request.
    final class Upload {
        private let room: UploadRoom
        private let owner: User
        private let length: Int64?
        private var promised: Int64 = 0
        private var taken: Int64 = 0
        private var isOverLimits = false

        fileprivate init(room: UploadRoom, owner: User, length: Int64?) {
            self.room = room
            self.owner = owner
            self.length = length
        }

        deinit {
            room.state.withLock { state in
                let left = (state.promised[owner.uid] ?? 0) - promised
                state.promised[owner.uid] = left > 0 ? left : nil
                state.allPromised -= promised
                state.unwritten -= promised - taken
                if isOverLimits { state.known.remove(owner.uid) }
            }
        }

        /// Must be called before bytes are written.
        /// - Throws: as `begin` does, if there is no space for them.
        func take(_ count: Int) async throws {
            let needed = taken + Int64(count)
            if needed > promised {
                do {
                    try await grow(to: needed + (length == nil ? UploadRoom.step : 0))
                } catch is Problem where length == nil {
                    try await grow(to: needed)
                }
            }
            taken = needed
            room.state.withLock { $0.unwritten -= Int64(count) }
        }

        fileprivate func grow(to bytes: Int64) async throws {
            try await room.perUserLock.take(owner.uid) {
                if let reached = try await room.obstacle(to: bytes, promised: promised, of: owner) {
                    guard try await mayBeKnown(bytes) else { throw Problem.overLimit(reached, "Nothing was saved.") }
                }
                try await room.promise(bytes - promised, to: owner.uid)
                promised = bytes
            }
        }

        /// A picture that its owner already has needs no space, but that shows only when it has arrived. So one upload
        /// of a user at a time may exceed the limits if the user has a picture of that size.
        private func mayBeKnown(_ bytes: Int64) async throws -> Bool {
            guard
                try await room.store.hasInput(
                    ofBytes: length ?? taken + 1, orMore: length == nil, uid: owner.uid)
            else { return false }
            if !isOverLimits { isOverLimits = room.state.withLock { $0.known.insert(owner.uid).inserted } }
            return isOverLimits
        }
    }

    /// - Parameter promised: to this upload so far.
    private func obstacle(to bytes: Int64, promised: Int64, of owner: User) async throws -> LimitReached? {
        var reached: LimitReached?
        // An upload that ends in the meantime may be counted twice, as in progress and as stored; a second try corrects
        // this.
        for _ in 0..<2 {
            let others = self.promised(to: owner.uid) - promised
            let (limits, use) = try await store.archiveUse(of: owner)
            reached = limits.obstacle(toInput: bytes, use: use, onTheWay: others)
            if reached == nil || others == 0 { break }
        }
        return reached
    }

    private func promise(_ bytes: Int64, to uid: UInt32) async throws {
        let free = try await spool.freeSpace().bytes
        let isPromised = state.withLock { state in
            let room = Self.room(free, state, kept: spool.keptRoom.bytes)
            let own = state.promised[uid] ?? 0
            // As with connections: a user's uploads may not take more than they leave free for all others.
            guard bytes <= room, own == 0 || own + bytes <= room else { return false }
            state.promised[uid, default: 0] += bytes
            state.allPromised += bytes
            state.unwritten += bytes
            return true
        }
        if !isPromised { throw Problem.noRoomForUpload }
    }

    /// The bytes that can still be promised to all uploads together.
    private static func room(_ free: Int64, _ state: State, kept: Int64) -> Int64 {
        let beforeUploads = free + state.allPromised - state.unwritten
        // Not enough for the next call even without uploads: no call starts until there is more space, but a small
        // picture can still be queued.
        let forUploads = beforeUploads < kept ? free / 4 : free - kept
        return forUploads - state.unwritten
    }
}
