import FluxqArchive
import FluxqImagesAPI
import NIOCore
import Synchronization

/// A linked picture on its way to the archive. It keeps the bytes of an interrupted download for the next try.
final class IncomingPicture: PictureSink {
    private struct State {
        var file: IncomingFile
        var head = BodyHead()
    }

    private let spool: Spool
    private let limit: Int64
    private let room: DiskRoom
    private let state: Mutex<State>

    /// - Parameter limit: the limit in bytes for all tries together.
    init(spool: Spool, limit: Int64, room: DiskRoom) async throws {
        self.spool = spool
        self.limit = limit
        self.room = room
        state = Mutex(State(file: try await spool.receive(limit: limit)))
    }

    var file: IncomingFile { state.withLock { $0.file } }
    /// The codings of the body according to its header.
    var codings: [String] { state.withLock { $0.head.codings } }

    var resumePoint: ResumePoint? {
        let (file, head) = state.withLock { ($0.file, $0.head) }
        guard file.bytes > 0, let validator = head.validator else { return nil }
        return ResumePoint(offset: file.bytes, validator: validator)
    }

    func begin(_ head: BodyHead) async throws {
        if file.bytes > 0 {
            let fresh = try await looking { () async throws(ArchiveError) in try await spool.receive(limit: limit) }
            // The old file is removed as soon as its last reference goes.
            state.withLock { $0.file = fresh }
        }
        state.withLock { $0.head = head }
    }

    func write(_ bytes: ByteBuffer) async throws {
        let file = file
        try await looking { () async throws(ArchiveError) in try await file.write(bytes) }
    }

    /// Checks errors for a full disk: the downloader learns only that the bytes were not stored.
    private func looking<Value>(_ work: () async throws(ArchiveError) -> Value) async throws -> Value {
        do {
            return try await work()
        } catch {
            room.look(at: error)
            throw error
        }
    }
}
