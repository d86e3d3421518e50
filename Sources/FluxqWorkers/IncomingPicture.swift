import FluxqArchive
import FluxqImagesAPI
import NIOCore

/// A picture of the API on its way to the archive.
struct IncomingPicture: PictureSink {
    let file: IncomingFile

    func write(_ bytes: ByteBuffer) async throws {
        try await file.write(bytes)
    }
}
