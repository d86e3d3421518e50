import FluxqArchive
import FluxqImagesAPI
import NIOCore

/// A picture that cannot be obtained a second time. If this host cannot store it, the sender waits without a time
/// limit.
struct PaidPicture: PictureSink {
    let file: IncomingFile
    let patience: HostPatience

    func write(_ bytes: ByteBuffer) async throws {
        try await untilStored(patience) { () async throws(ArchiveError) in try await file.write(bytes) }
    }
}

/// Called between two tries to store something, after an error. Throws if the call is over.
typealias HostPatience = @Sendable (ArchiveError) async throws -> Void

/// Retries after a pause as long as the host's problem may be temporary: a full disk, too many open files, a missing
/// directory. Such a problem has nothing to do with the answer being stored.
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
