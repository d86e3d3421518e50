import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import Synchronization

/// Takes the inline pictures of one answer into temporary files of the archive while the answer streams in.
final class Inbox: PictureReceiver {
    private struct Arrival {
        var file: IncomingFile
        var isValid = false
    }

    private let archive: Archive
    private let maxBytes: Int64
    private let patience: @Sendable () async throws -> Void
    private let arrivals = Mutex<[Int: Arrival]>([:])

    /// - Parameter patience: between two tries to write to a full disk; throws when the call is given up.
    init(archive: Archive, maxBytes: Int64, patience: @escaping @Sendable () async throws -> Void) {
        self.archive = archive
        self.maxBytes = maxBytes
        self.patience = patience
    }

    func beginPicture(_ ordinal: Int) async throws -> any PictureSink {
        let file = try await untilThereIsRoom(patience) { () async throws(ArchiveError) in
            try await archive.receive(limit: maxBytes)
        }
        arrivals.withLock { $0[ordinal] = Arrival(file: file) }
        return PaidPicture(file: file, patience: patience)
    }

    func endPicture(_ ordinal: Int, isValid: Bool) async throws {
        arrivals.withLock { $0[ordinal]?.isValid = isValid }
        CrashPoint.inlinePictureReceived.pass()
    }

    /// Hands out what came under that number, once; `isValid` is false where it was no base64 to its end.
    func take(_ ordinal: Int) -> (file: IncomingFile, isValid: Bool)? {
        arrivals.withLock { $0.removeValue(forKey: ordinal) }.map { ($0.file, $0.isValid) }
    }
}
