import Crypto
package import FluxqModel
import Glibc
import SystemPackage

/// Files of answers that are not recorded yet.
extension Spool {
    /// Renames a picture to a name of its call, after its text has ended. From then on it outlives kill -9. It can be
    /// stored as before, and keeps that name until `forget`.
    ///
    /// - Parameter isValid: true if its text was base64 to its end.
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

    /// Writes what is known of an answer, in place of an earlier note. It outlives kill -9 once this returns.
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

    /// Returns the first line of a note. It detects a note that a power cut left incomplete, and bytes of another call
    /// in its file.
    private static func seal(of call: CallID, _ answer: some Collection<UInt8>) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(data: Array("\(call.job)-\(call.attempt)\n".utf8))
        hasher.update(data: Array(answer))
        return Array("\(ContentHash(digest: Array(hasher.finalize())).hex)\n".utf8)
    }

    /// Returns the last note of an answer; nil if there is none, or if it is not whole: the host went down before it
    /// was on the disk.
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
                    throw error as? ArchiveError ?? .failed(operation: .read, path: path, errno: .ioError)
                }
            } catch .failed(.open, _, .noSuchFileOrDirectory) {
                return nil
            }
        }
    }

    /// Opens a picture that an earlier process has left.
    ///
    /// - Returns: nil if it is missing or not whole: the host went down before it was on the disk.
    package func takeBack(_ picture: LeftPicture, of call: CallID) async throws(ArchiveError) -> IncomingFile? {
        let path = path(of: CallFile(call: call, content: .picture(picture)))
        return try await offloaded.watched { () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try IncomingFile(left: path, hash: picture.hash, offloaded: offloaded)
            } catch .failed(.open, _, .noSuchFileOrDirectory) {
                return nil
            }
        }
    }

    /// Removes the call's names from its files, once the answer is recorded. Stored content stays in the archive.
    package func forget(_ call: CallID) async throws(ArchiveError) {
        try await forget(callFiles.all(of: call))
    }

    /// Does the same for one picture that turned out to be no result of the call.
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
                } catch .failed(_, _, .noSuchFileOrDirectory) {
                    // It was registered before it was created, and was then not created.
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
                // The file was deleted or is damaged. A paid answer waits, and a new file serves as well.
            }
        }
        return try OpenFile(temporaryPath(), O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
    }

    /// Renames a note to a spare file if more are needed, otherwise removes it.
    private func setAside(_ path: String) throws(ArchiveError) {
        let spare = temporaryPath(prefix: "spare-")
        try system(.rename, path) { rename(path, spare) }
        if !spareFiles.put(spare) { try system(.remove, spare) { unlink(spare) } }
    }

    private func path(of file: CallFile) -> String { "\(directory)/incoming/\(file.name)" }
}
