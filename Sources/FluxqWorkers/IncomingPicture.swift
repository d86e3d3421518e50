import FluxqArchive
import FluxqImagesAPI
import NIOCore

/// A picture of the API on its way to the archive.
struct IncomingPicture: PictureSink {
    let file: IncomingFile
    let room: DiskRoom

    func write(_ bytes: ByteBuffer) async throws {
        do {
            try await file.write(bytes)
        } catch {
            // Who downloads learns only that it was not stored.
            room.look(at: error)
            throw error
        }
    }
}

/// One that cannot be had a second time: while the disk is full the sender waits, as long as it takes.
struct PaidPicture: PictureSink {
    let file: IncomingFile
    /// Between two tries; throws when the call is over.
    let patience: @Sendable () async throws -> Void

    func write(_ bytes: ByteBuffer) async throws {
        try await untilThereIsRoom(patience) { () async throws(ArchiveError) in try await file.write(bytes) }
    }
}

/// Tries again after a pause for as long as the disk is full.
func untilThereIsRoom<Value>(
    _ patience: () async throws -> Void, _ work: () async throws(ArchiveError) -> Value
) async throws -> Value {
    while true {
        do throws(ArchiveError) {
            return try await work()
        } catch {
            guard case .full = error else { throw error }
            try await patience()
        }
    }
}
