import Crypto
package import FluxqModel
import Glibc

/// What has come of answers that are not recorded yet.
extension Spool {
    /// Gives a picture the name of its call, now that its text has ended: from here on it outlives kill -9. It can be stored
    /// as before, and keeps that name until `forget`.
    ///
    /// - Parameter isValid: its text was base64 to its end.
    package func keep(
        _ incoming: IncomingFile, of call: CallID, ordinal: Int, isValid: Bool
    ) async throws(ArchiveError) {
        try await offloaded.watched { () throws(ArchiveError) in
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
        let file = CallFile(call: call, content: .answer)
        let note = Self.seal(of: call, answer) + answer
        try await offloaded.watched { () throws(ArchiveError) in
            let temporary = try fileForNote()
            do throws(ArchiveError) {
                try temporary.write(note)
                try temporary.truncate(to: Int64(note.count))
                callFiles.insert(file)
                try system(.rename, temporary.path) { rename(temporary.path, path(of: file)) }
            } catch {
                _ = unlink(temporary.path)
                throw error
            }
        }
    }

    /// What a note begins with: a power cut may leave a part of it, or what its file held for another call.
    private static func seal(of call: CallID, _ answer: some Collection<UInt8>) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(data: Array("\(call.job)-\(call.attempt)\n".utf8))
        hasher.update(data: Array(answer))
        return Array("\(ContentHash(digest: Array(hasher.finalize())).hex)\n".utf8)
    }

    /// What was noted of an answer last; nil if nothing was, or if it is not whole: the host went down before it was on the disk.
    package func note(of call: CallID) async throws(ArchiveError) -> [UInt8]? {
        let path = path(of: CallFile(call: call, content: .answer))
        return try await offloaded.watched { () throws(ArchiveError) in
            do throws(ArchiveError) {
                let file = try OpenFile(path, O_RDONLY)
                let bytes = FileBytes(file: file, size: try file.size())
                do {
                    let note = try bytes.read(at: 0, count: Int(bytes.size))
                    let end = note.firstIndex(of: 0x0A).map { $0 + 1 } ?? note.endIndex
                    let answer = note[end...]
                    return Array(note[..<end]) == Self.seal(of: call, answer) ? Array(answer) : nil
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
    /// - Returns: nil if it is not there, or not whole: the host went down before it was on the disk.
    package func takeBack(_ picture: LeftPicture, of call: CallID) async throws(ArchiveError) -> IncomingFile? {
        let path = path(of: CallFile(call: call, content: .picture(picture)))
        return try await offloaded.watched { () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try IncomingFile(left: path, hash: picture.hash, offloaded: offloaded)
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
        try await offloaded.watched { () throws(ArchiveError) in
            for file in files {
                let path = path(of: file)
                do throws(ArchiveError) {
                    switch file.content {
                    case .answer: try setAside(path)
                    case .picture: try system(.remove, path) { unlink(path) }
                    }
                } catch .failed(_, _, ENOENT) {
                    // Written down before it was made, and then not made.
                }
                callFiles.remove(file)
            }
        }
    }

    private func fileForNote() throws(ArchiveError) -> OpenFile {
        if let spare = spareFiles.take() {
            do throws(ArchiveError) {
                return try OpenFile(spare, O_WRONLY)
            } catch {
                // Somebody has tidied up, or it is damaged: a paid answer waits, and a new file serves as well.
            }
        }
        return try OpenFile(temporaryPath(), O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    }

    /// Takes away the name of a note whose file may serve for another.
    private func setAside(_ path: String) throws(ArchiveError) {
        let spare = temporaryPath(prefix: "spare-")
        try system(.rename, path) { rename(path, spare) }
        if !spareFiles.put(spare) { try system(.remove, spare) { unlink(spare) } }
    }

    private func path(of file: CallFile) -> String { "\(directory)/incoming/\(file.name)" }
}
