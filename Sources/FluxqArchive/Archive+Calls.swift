package import FluxqModel
import Glibc

/// What has come of answers that are not recorded yet.
extension Archive {
    /// Gives a picture the name of its call, now that its text has ended: from here on it outlives kill -9. It can be stored
    /// as before, and keeps that name until `forget`.
    ///
    /// - Parameter isValid: its text was base64 to its end.
    package func keep(
        _ incoming: IncomingFile, of call: CallID, ordinal: Int, isValid: Bool
    ) async throws(ArchiveError) {
        try await watched { () throws(ArchiveError) in
            try incoming.rename { hash in
                let file = CallFile(
                    call: call, content: .picture(LeftPicture(ordinal: ordinal, hash: hash, isValid: isValid)))
                callFiles.insert(file)
                return path(of: file)
            }
        }
    }

    /// Writes down what is known of an answer, in the place of what was known before. It outlives kill -9 as soon as this
    /// returns.
    package func note(_ answer: [UInt8], of call: CallID) async throws(ArchiveError) {
        let temporary = temporaryPath()
        let file = CallFile(call: call, content: .answer)
        try await watched { () throws(ArchiveError) in
            do throws(ArchiveError) {
                let new = try OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
                try new.write(answer)
                callFiles.insert(file)
                try system(.rename, temporary) { rename(temporary, path(of: file)) }
            } catch {
                _ = unlink(temporary)
                throw error
            }
        }
    }

    /// What was noted of an answer last; nil where nothing was.
    package func note(of call: CallID) async throws(ArchiveError) -> [UInt8]? {
        let path = path(of: CallFile(call: call, content: .answer))
        return try await watched { () throws(ArchiveError) in
            do throws(ArchiveError) {
                let file = try OpenFile(path, O_RDONLY)
                let bytes = FileBytes(file: file, size: try file.size())
                do {
                    return try bytes.read(at: 0, count: Int(bytes.size))
                } catch {
                    throw error as? ArchiveError ?? .failed(operation: .read, path: path, errno: EIO)
                }
            } catch .failed(.open, _, ENOENT) {
                return nil
            }
        }
    }

    /// A picture that an earlier process has left.
    ///
    /// - Returns: nil where it is not there, or not whole: the host went down before it was on the disk.
    package func takeBack(_ picture: LeftPicture, of call: CallID) async throws(ArchiveError) -> IncomingFile? {
        let path = path(of: CallFile(call: call, content: .picture(picture)))
        return try await watched { () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try IncomingFile(left: path, hash: picture.hash, offloaded: offloaded, onFatal: onFatal)
            } catch .failed(.open, _, ENOENT) {
                return nil
            }
        }
    }

    /// The answer is recorded: takes the names away that its files have for the sake of their call. What has been stored stays
    /// in its place.
    package func forget(_ call: CallID) async throws(ArchiveError) {
        try await forget(callFiles.all(of: call))
    }

    /// A picture turned out to be no result of the call.
    package func forget(_ call: CallID, ordinal: Int) async throws(ArchiveError) {
        try await forget(
            callFiles.all(of: call).filter { file in
                if case .picture(let picture) = file.content { picture.ordinal == ordinal } else { false }
            })
    }

    private func forget(_ files: [CallFile]) async throws(ArchiveError) {
        try await watched { () throws(ArchiveError) in
            for file in files {
                let path = path(of: file)
                do throws(ArchiveError) {
                    try system(.remove, path) { unlink(path) }
                } catch .failed(_, _, ENOENT) {
                    // Written down before it was made, and then not made.
                }
                callFiles.remove(file)
            }
        }
    }

    private func path(of file: CallFile) -> String { "\(directory)/incoming/\(file.name)" }
}
