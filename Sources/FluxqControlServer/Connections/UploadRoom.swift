import FluxqArchive
import FluxqControl
import FluxqModel
import FluxqStore
import Synchronization

/// Promises room to pictures on their way in before their bytes are written, so that neither a user's uploads nor all together
/// take more than there is.
///
/// | bound | of |
/// |---|---|
/// | `limits.input_bytes` | each upload |
/// | `limits.unused_input_bytes`, `limits.archive_bytes` | what the user has there, and all that is on its way |
/// | the file system, without what is kept for calls | all that is on its way; one user's never more than is still free |
final class UploadRoom: Sendable {
    private struct State {
        /// Bytes that uploads have been promised, by their owner's number.
        var promised: [UInt32: Int64] = [:]
        var allPromised: Int64 = 0
        /// Of them, what is not written yet.
        var unwritten: Int64 = 0
        /// Users with an upload over their limits, which may be a picture that they have already.
        var known: Set<UInt32> = []
    }

    /// What an upload whose size nobody has said is promised at a time.
    private static let step: Int64 = 1 << 20

    private let store: Store
    private let spool: Spool
    private let state = Mutex(State())
    /// Two promises to one user at once would not see each other.
    private let perUserLock = PerUserLock()

    init(store: Store, spool: Spool) {
        self.store = store
        self.spool = spool
    }

    /// Bytes promised to uploads of a user that have not ended.
    func promised(to uid: UInt32) -> Int64 { state.withLock { $0.promised[uid] ?? 0 } }

    /// An upload that begins.
    ///
    /// - Parameter length: its bytes, if they are known; they are promised at once.
    /// - Throws: `Problem.overLimit` and `Problem.noRoomForUpload`.
    func begin(of owner: Owner, length: Int64?) async throws -> Upload {
        let upload = Upload(room: self, owner: owner, length: length)
        if let length, length > 0 { try await upload.grow(to: length) }
        return upload
    }

    /// Belongs to the one task of its request.
    final class Upload {
        private let room: UploadRoom
        private let owner: Owner
        private let length: Int64?
        private var promised: Int64 = 0
        private var taken: Int64 = 0
        private var isOverLimits = false

        fileprivate init(room: UploadRoom, owner: Owner, length: Int64?) {
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

        /// Bytes are about to be written.
        /// - Throws: as `begin` does, if there is no room for them.
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

        /// A picture that its owner has already adds nothing, but that shows only when it has come. So one upload of a user at
        /// a time may be one, as far as its size says.
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
    private func obstacle(to bytes: Int64, promised: Int64, of owner: Owner) async throws -> LimitReached? {
        var reached: LimitReached?
        // An upload that ends meanwhile may be counted twice, once as on its way and once as there: then another look tells.
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
            // As with connections: nobody gets so much that less is left for everybody else.
            guard bytes <= room, own == 0 || own + bytes <= room else { return false }
            state.promised[uid, default: 0] += bytes
            state.allPromised += bytes
            state.unwritten += bytes
            return true
        }
        if !isPromised { throw Problem.noRoomForUpload }
    }

    /// What can still be promised to all uploads together.
    private static func room(_ free: Int64, _ state: State, kept: Int64) -> Int64 {
        let beforeUploads = free + state.allPromised - state.unwritten
        // Too little for the next call even without any upload: nothing is called until there is more, and a small picture can
        // be queued meanwhile.
        let forUploads = beforeUploads < kept ? free / 4 : free - kept
        return forUploads - state.unwritten
    }
}
