import FluxqArchive
import FluxqImagesAPI
import NIOCore

/// A picture of the archive on its way to the API.
struct ArchivedPicture: PictureSource {
    let file: ArchivedFile
    let mediaType: String

    var size: Int64 { file.size }

    func read(at offset: Int64, count: Int) async throws -> ByteBuffer {
        try await file.read(at: offset, count: count)
    }
}
