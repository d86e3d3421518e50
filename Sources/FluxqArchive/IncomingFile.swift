import Crypto
import FluxqModel
import Glibc
package import NIOCore
import Synchronization
import SystemPackage

/// A file on its way into the archive. It accepts bytes in order from one writer at a time, and counts and hashes them.
/// If the last reference goes without `store` or `discard`, the file is removed, unless it has the name of a call.
package final class IncomingFile: Sendable {
    private struct State {
        /// The path in incoming/.
        var path: String
        /// True if it has the name of its call, under which it outlives this process. `Spool.forget` removes that name.
        var hasNameOfCall = false
        /// nil once it has been stored or discarded.
        var file: OpenFile?
        var hasher = SHA256()
        /// Bytes that were written completely.
        var bytes: Int64 = 0
        /// True if a write failed and may have left bytes after those that count.
        var isRagged = false
        /// True if a sync failed: bytes that the kernel counts as written may not be on the disk.
        var isDoubtful = false
        /// True if it has been renamed into the archive. The rename may not be durable yet.
        var isPlaced = false
    }

    /// The contents of a file.
    struct Contents {
        let bytes: FileBytes
        let hash: ContentHash
        /// The path in incoming/.
        let path: String
        let hasNameOfCall: Bool
    }

    private let limit: Int64
    private let offloaded: OffloadedWork
    private let state: Mutex<State>

    /// Creates the file. Blocks.
    ///
    /// - Parameter path: a path that does not exist yet.
    init(path: String, limit: Int64, offloaded: OffloadedWork) throws(ArchiveError) {
        let file = try OpenFile(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        self.limit = limit
        self.offloaded = offloaded
        state = Mutex(State(path: path, file: file))
    }

    /// Opens a file that an earlier process has left under the name of a call. It accepts no more bytes. Blocks.
    ///
    /// - Parameter hash: the hash that its name gives.
    /// - Returns: nil if its bytes have another hash: the host went down before they were on the disk.
    init?(left path: String, hash: ContentHash, offloaded: OffloadedWork) throws(ArchiveError) {
        // The file may be read-only: the process may have died while it moved it into the archive.
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
    ///   call. If the disk was full, the write can be repeated once there is room.
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

    /// Reserves disk space for later bytes. Blocks.
    func reserve(_ count: Int64) throws(ArchiveError) {
        try state.withLock { (state) throws(ArchiveError) in try usable(state).reserve(count) }
    }

    /// Returns the bytes written so far, after it has cut off what a failed write left behind.
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

    /// Renames it to a name of its call, which contains the hash. Blocks.
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

    /// - Throws: a fatal error if the kernel no longer has the bytes that it accepted.
    private static func writeAgain(_ file: OpenFile, size: Int64, hash: ContentHash) throws(ArchiveError) {
        guard ContentHash(digest: Array(try Self.hash(file, size: size).finalize())) == hash else {
            throw .failed(operation: .sync, path: file.path, errno: .ioError)
        }
        try file.rewrite(size: size)
    }

    /// Called after a sync failed because the disk was full. The next call of `contents` writes the bytes again.
    func markDoubtful() {
        state.withLock { $0.isDoubtful = true }
    }

    var isPlaced: Bool { state.withLock { $0.isPlaced } }

    /// Called after it has been renamed into the archive.
    func markPlaced() {
        state.withLock { $0.isPlaced = true }
    }

    /// Called once it is durable in the archive: it accepts no more bytes, and there is nothing to remove.
    func release() {
        state.withLock { $0.file = nil }
    }

    /// Removes the file unless it has been stored or has the name of a call. Blocks.
    func remove() {
        let path = state.withLock { state in
            defer { state.file = nil }
            return state.file == nil || state.hasNameOfCall ? nil : state.path
        }
        // If this fails, the next start of the daemon removes the file.
        if let path { _ = unlink(path) }
    }

    private func usable(_ state: State) throws(ArchiveError) -> OpenFile {
        guard let file = state.file else {
            throw .failed(operation: .write, path: state.path, errno: .badFileDescriptor)
        }
        return file
    }
}
