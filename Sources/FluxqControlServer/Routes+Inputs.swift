import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore

extension Routes {
    /// Makes a received picture an input of its bringer: durable in the archive first, then known to the store.
    /// - Throws: `Problem.notAPicture`, with nothing kept.
    func keep(_ file: IncomingFile, for peer: Peer) async throws -> StoredPicture {
        switch try await archive.storePicture(file) {
        case .success(let picture):
            CrashPoint.inputArchived.pass()
            try await store.addInput(picture, owner: peer.owner)
            CrashPoint.inputRecorded.pass()
            return picture
        case .failure(let defect):
            throw Problem.notAPicture(defect)
        }
    }
}
