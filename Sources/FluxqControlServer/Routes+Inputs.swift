import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore

extension Routes {
    /// Makes a received picture an input of its bringer: durable in the archive first, then known to the store.
    /// - Throws: `Problem.notAPicture`, with nothing kept.
    func keep(_ file: IncomingFile, for caller: Caller) async throws -> StoredPicture {
        switch try await archive.storePicture(file) {
        case .success(let picture):
            try await store.addInput(picture, owner: caller.owner)
            return picture
        case .failure(let defect):
            throw Problem.notAPicture(defect)
        }
    }
}
