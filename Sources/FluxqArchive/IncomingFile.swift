import Crypto
import FluxqModel
import Glibc
package import NIOCore
import Synchronization

/// A file on its way into the archive: it takes bytes in order from one writer at a time, counting and hashing them.
/// When it is let go without `store` or `discard`, it is removed, unless it has the name of a call.
package final class IncomingFile: Sendable {
    private struct State {
        /// Where it is in incoming/.
        var path: String
        /// It has the name of its call, under which it outlives this process: `Spool.forget` takes that name away.
        var hasNameOfCall = false
        /// nil once it has been stored or discarded.
        var file: OpenFile?
        var hasher = SHA256()
        /// What has been written in full.
        var bytes: Int64 = 0
        /// A write failed and may have left bytes behind those that count.
        var isRagged = false
        /// A sync failed: what the system believes to have written may not be on the disk.
        var isDoubtful = false
        /// It stands in its place in the archive, which may not be durable yet.
        var isPlaced = false
    }

    /// What a file holds.
    struct Contents {
        let bytes: FileBytes
        let hash: ContentHash
        /// Where it is in incoming/.
        let path: String
        let hasNameOfCall: Bool
    }

    private let limit: Int64
    private let offloaded: OffloadedWork
    private let state: Mutex<State>

    /// Blocks. - Parameter path: where nothing is yet.
    init(path: String, limit: Int64, offloaded: OffloadedWork) throws(ArchiveError) {
        let file = try OpenFile(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        self.limit = limit
        self.offloaded = offloaded
        state = Mutex(State(path: path, file: file))
    }

    /// A file that an earlier process has left under the name of a call; takes no more bytes. Blocks.
    ///
    /// - Parameter hash: what its name says of its bytes.
    /// - Returns: nil if its bytes are others: the host went down before they were on the disk.
    init?(left path: String, hash: ContentHash, offloaded: OffloadedWork) throws(ArchiveError) {
        // It may have been on its way into its place, where files are read-only.
        try system(.open, path) { chmod(path, 0o600) }
        let file = try OpenFile(path, O_RDWR)
        let size = try file.size()
        let hasher = try Self.hash(file, size: size)
        guard ContentHash(digest: Array(hasher.finalize())) == hash else { return nil }
        limit = size
        self.offloaded = offloaded
        state = Mutex(State(path: path, hasNameOfCall: true, file: file, hasher: hasher, bytes: size))
    }

    deinit {
        remove()
    }

    /// Bytes written so far.
    package var bytes: Int64 { state.withLock { $0.bytes } }

    /// Appends the readable bytes.
    /// - Throws: `.tooLarge` before a byte beyond the limit is written. After an error the file is as it was before the
    ///   call: what a full disk refused can be written again once there is room.
    package func write(_ bytes: ByteBuffer) async throws(ArchiveError) {
        try await offloaded { () throws(ArchiveError) in
            try self.state.withLock { (state) throws(ArchiveError) in
                try bytes.withUnsafeReadableBytes { (bytes) throws(ArchiveError) in
                    try self.append(bytes, to: &state)
                }
            }
        }
    }

    /// Appends bytes as `write` does. Blocks.
    func append(_ bytes: UnsafeRawBufferPointer) throws(ArchiveError) {
        try state.withLock { (state) throws(ArchiveError) in try append(bytes, to: &state) }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to state: inout State) throws(ArchiveError) {
        let file = try usable(state)
        guard Int64(bytes.count) <= limit - state.bytes else { throw .tooLarge(limit: limit) }
        do throws(ArchiveError) {
            try file.write(bytes, at: state.bytes)
            state.hasher.update(bufferPointer: bytes)
        } catch {
            state.isRagged = true
            if error.isFatal { offloaded.onFatal(error) }
            throw error
        }
        state.bytes += Int64(bytes.count)
    }

    /// Takes room for bytes that are still to come. Blocks.
    func reserve(_ count: Int64) throws(ArchiveError) {
        try state.withLock { (state) throws(ArchiveError) in try usable(state).reserve(count) }
    }

    /// What there is so far, free of what a failed write left behind.
    func contents() throws(ArchiveError) -> Contents {
        try state.withLock { (state) throws(ArchiveError) in
            let file = try usable(state)
            if state.isRagged {
                try file.truncate(to: state.bytes)
                state.isRagged = false
            }
            let hash = ContentHash(digest: Array(state.hasher.finalize()))
            if state.isDoubtful {
                try Self.writeAgain(file, size: state.bytes, hash: hash)
                state.isDoubtful = false
            }
            return Contents(
                bytes: FileBytes(file: file, size: state.bytes), hash: hash, path: state.path,
                hasNameOfCall: state.hasNameOfCall)
        }
    }

    /// Gives it the name of its call, by its hash. Blocks.
    func rename(_ name: (ContentHash) -> String) throws(ArchiveError) {
        let path = name(try contents().hash)
        try state.withLock { (state) throws(ArchiveError) in
            let old = state.path
            try system(.rename, old) { Glibc.rename(old, path) }
            state.path = path
            state.hasNameOfCall = true
        }
    }

    private static func hash(_ file: OpenFile, size: Int64) throws(ArchiveError) -> SHA256 {
        var hasher = SHA256()
        try file.withPieces(of: size) { (piece, _) throws(ArchiveError) in
            hasher.update(bufferPointer: UnsafeRawBufferPointer(piece))
        }
        return hasher
    }

    /// - Throws: a fatal error where the system no longer has the bytes that it took.
    private static func writeAgain(_ file: OpenFile, size: Int64, hash: ContentHash) throws(ArchiveError) {
        guard ContentHash(digest: Array(try Self.hash(file, size: size).finalize())) == hash else {
            throw .failed(operation: .sync, path: file.path, errno: EIO)
        }
        try file.rewrite(size: size)
    }

    /// A sync of it failed for want of room. The next look at its contents writes them again.
    func markDoubtful() {
        state.withLock { $0.isDoubtful = true }
    }

    var isPlaced: Bool { state.withLock { $0.isPlaced } }

    /// It has been renamed into its place.
    func markPlaced() {
        state.withLock { $0.isPlaced = true }
    }

    /// It is durable in its place: it takes no more bytes, and nothing has to be removed.
    func release() {
        state.withLock { $0.file = nil }
    }

    /// Removes the file unless it has been stored or has the name of a call. Blocks.
    func remove() {
        let path = state.withLock { state in
            defer { state.file = nil }
            return state.file == nil || state.hasNameOfCall ? nil : state.path
        }
        // One that stays nonetheless goes when the daemon starts next.
        if let path { _ = unlink(path) }
    }

    private func usable(_ state: State) throws(ArchiveError) -> OpenFile {
        guard let file = state.file else { throw .failed(operation: .write, path: state.path, errno: EBADF) }
        return file
    }
}
