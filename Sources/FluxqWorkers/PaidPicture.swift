import FluxqArchive
import FluxqImagesAPI
import NIOCore

/// A picture that cannot be obtained a second time: while this host cannot store it the sender waits, as long as it
/// takes.
struct PaidPicture: PictureSink {
    let file: IncomingFile
    let patience: HostPatience

    func write(_ bytes: ByteBuffer) async throws {
        try await untilStored(patience) { () async throws(ArchiveError) in try await file.write(bytes) }
    }
}

/// What to do between two tries to store something, after an error; throws when the call is over.
typealias HostPatience = @Sendable (ArchiveError) async throws -> Void

/// Tries again after a pause for as long as this host's trouble may pass: a full disk, too many open files, a directory that
/// is not there. None of it says anything about the answer that is being stored.
func untilStored<Value>(
    _ patience: HostPatience, _ work: () async throws(ArchiveError) -> Value
) async throws -> Value {
    while true {
        do throws(ArchiveError) {
            return try await work()
        } catch {
            guard error.isPassing else { throw error }
            try await patience(error)
        }
    }
}
