import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore

extension Routes {
    /// Makes a received picture an input of its sender: durable in the archive first, then recorded in the store.
    /// Uploads of one user run one after the other, so that concurrent ones cannot exceed the limit.
    ///
    /// - Throws: `Problem.notAPicture` and `Problem.overLimit`, with nothing kept.
    func keep(_ file: IncomingFile, for caller: Caller) async throws -> StoredPicture {
        try await uploadTurns.take(caller.uid) { try await keepAlone(file, for: caller) }
    }

    private func keepAlone(_ file: IncomingFile, for caller: Caller) async throws -> StoredPicture {
        // Checked before it is in the archive, where it would belong to no user.
        let hash = try await archive.spool.hash(of: file)
        if let reached = try await store.obstacle(toInput: hash, bytes: file.bytes, of: caller.user) {
            throw Problem.overLimit(reached, "Nothing was saved.")
        }
        switch try await archive.storePicture(file) {
        case .success(let picture):
            CrashPoint.inputArchived.pass()
            if let reached = try await store.addInput(picture, owner: caller.user) {
                throw Problem.overLimit(reached, "Nothing was saved.")
            }
            CrashPoint.inputRecorded.pass()
            return picture
        case .failure(let defect):
            throw Problem.notAPicture(defect)
        }
    }
}
