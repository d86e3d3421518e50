package import FluxqFormats
package import FluxqModel
import Glibc
import NIOCore
import Synchronization

/// The content-addressed store: one read-only file per distinct content, `objects/sha256/ab/<64 hexadecimal digits>`,
/// whose bytes are exactly those received.
///
/// ```
/// receive ──> incoming/<random>  write … write
/// store   ──> fchmod, fsync(file), rename ──> objects/sha256/ab/<hash>, fsync(directory)
///                                                                         only then the caller's row
/// ```
///
/// What belongs to an answer that is not recorded yet has a name of its own in incoming/ and outlives the process there: see
/// `CallFile`.
///
/// One process has one `LocalArchive` (copies are the same one); the state directory's lock keeps other processes out.
package struct LocalArchive: Sendable {
    /// Keeps a removal from deleting what a concurrent `store` has just put in its place.
    private final class PlacementLock: Sendable {
        let mutex = Mutex(())
    }

    /// Below the state directory; its files are named as they were in the archive.
    package static let damagedName = "damaged"
    /// Below the state directory: content that was found in the archive and that no row remembers.
    package static let strayName = "stray"

    /// The same files, for those who look.
    package let files: ObjectFiles
    /// What an earlier process had received of answers and not recorded, as found at start.
    package let leftAnswers: [LeftAnswer]
    let directory: String
    let offloaded: OffloadedWork
    let onFatal: @Sendable (ArchiveError) -> Void
    let callFiles: CallFiles
    let spareFiles = SpareFiles()
    package let keptRoom = KeptRoom()
    private let placement = PlacementLock()

    /// Makes `objects/sha256/00` … `ff` and `incoming/` where they are missing, and empties `incoming/` of everything but what
    /// belongs to calls. Blocks.
    /// - Parameters:
    ///   - directory: the state directory, which exists.
    ///   - blocking: runs what blocks; nil is on threads for it.
    ///   - onFatal: called when the disk has failed; the process has to end.
    package init(
        directory: String, blocking: BlockingWork? = nil,
        onFatal: @escaping @Sendable (ArchiveError) -> Void = { _ in }
    ) throws(ArchiveError) {
        self.directory = directory
        files = ObjectFiles(directory: directory, blocking: blocking)
        offloaded = OffloadedWork(blocking: blocking)
        self.onFatal = onFatal
        try ArchiveDirectories.make(in: directory)
        let left = try ArchiveDirectories.names(in: "\(directory)/incoming").compactMap(CallFile.init(name:))
        try ArchiveDirectories.empty("\(directory)/incoming", except: Set(left.map(\.name)))
        leftAnswers = LeftAnswer.all(left)
        callFiles = CallFiles(left)
    }

    /// A new temporary file.
    /// - Parameter limit: bytes; a write beyond them fails with `.tooLarge`.
    package func receive(limit: Int64) async throws(ArchiveError) -> IncomingFile {
        let path = temporaryPath()
        return try await watched { () throws(ArchiveError) in
            try IncomingFile(path: path, limit: limit, offloaded: offloaded, onFatal: onFatal)
        }
    }

    /// 128 random bits never meet twice; where they do, O_EXCL makes it an error and not an overwritten picture.
    func temporaryPath(prefix: String = "") -> String {
        let name = (0..<2).map { _ in
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        return "\(directory)/incoming/\(prefix)\(name)"
    }

    /// Runs blocking work; where it shows that the disk has failed, that is told first.
    func watched<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ArchiveError) -> Value
    ) async throws(ArchiveError) -> Value {
        do throws(ArchiveError) {
            return try await offloaded(work)
        } catch {
            if error.isFatal { onFatal(error) }
            throw error
        }
    }

    /// What the bytes received so far say.
    package func inspect(_ incoming: IncomingFile) async throws(ArchiveError) -> Result<PictureInfo, PictureDefect> {
        try await watched { () throws(ArchiveError) in
            let bytes = try incoming.contents().bytes
            do {
                return try PictureReader.inspect(bytes)
            } catch let error as ArchiveError {
                throw error
            } catch {
                // `inspect` throws what the source throws, which is nothing else.
                throw .failed(operation: .read, path: bytes.file.path, errno: EIO)
            }
        }
    }

    /// Puts the file into its place, where it replaces an earlier one of the same content. It is durable once this
    /// returns: only then may a row of the database refer to it. After an error the file is as it was, so that what a full
    /// disk refused can be tried again.
    package func store(_ incoming: IncomingFile) async throws(ArchiveError) -> StoredObject {
        try await watched { () throws(ArchiveError) in
            let contents = try incoming.contents()
            if !incoming.isPlaced {
                do throws(ArchiveError) {
                    try place(contents)
                } catch {
                    if case .full(.sync, _) = error { incoming.markDoubtful() }
                    throw error
                }
                incoming.markPlaced()
            }
            try OpenFile.syncDirectory(files.bucket(of: contents.hash))
            CrashPoint.directorySynced.pass()
            incoming.release()
            return StoredObject(hash: contents.hash, bytes: contents.bytes.size)
        }
    }

    /// Stores a whole picture.
    /// - Returns: its defect where the bytes are none; the file is then as it was.
    package func storePicture(_ incoming: IncomingFile) async throws(ArchiveError) -> Result<
        StoredPicture, PictureDefect
    > {
        switch try await inspect(incoming) {
        case .failure(let defect): return .failure(defect)
        case .success(let info):
            let object = try await store(incoming)
            return .success(
                StoredPicture(
                    hash: object.hash, mediaType: info.format.mediaType, width: info.width, height: info.height,
                    bytes: object.bytes, flaw: info.flaw))
        }
    }

    /// The hash of the bytes received so far.
    package func hash(of incoming: IncomingFile) async throws(ArchiveError) -> ContentHash {
        try await watched { () throws(ArchiveError) in try incoming.contents().hash }
    }

    package func discard(_ incoming: IncomingFile) async {
        await offloaded { incoming.remove() }
    }

    private func place(_ contents: IncomingFile.Contents) throws(ArchiveError) {
        let file = contents.bytes.file
        try file.makeReadOnly()
        // Young from now on, however long ago its last byte came: see `remove`.
        try file.touch()
        try file.sync()
        CrashPoint.fileSynced.pass()
        // The name of a call stays until the answer is recorded.
        let path = contents.hasNameOfCall ? temporaryPath() : contents.path
        if contents.hasNameOfCall {
            try system(.create, path) { link(contents.path, path) }
            CrashPoint.fileLinked.pass()
        }
        do throws(ArchiveError) {
            try placement.mutex.withLock { (_) throws(ArchiveError) in
                _ = try system(.rename, path) { rename(path, files.path(of: contents.hash)) }
            }
        } catch {
            if contents.hasNameOfCall { _ = unlink(path) }
            throw error
        }
        CrashPoint.fileRenamed.pass()
        // A rename to another name of the same file does nothing: an earlier process has put it into its place.
        if contents.hasNameOfCall { _ = unlink(path) }
    }

    /// - Throws: `.missing` where the archive has no such content. Its bytes are not verified.
    package func open(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile {
        let path = files.path(of: hash)
        return try await offloaded { [offloaded] () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try ArchivedFile(OpenFile(path, O_RDONLY), offloaded: offloaded)
            } catch .failed(.open, _, ENOENT) {
                throw .missing(hash)
            }
        }
    }

    /// Deletes content that no row refers to. What was stored within `age` stays, because a row for it may be about to be
    /// written.
    /// - Returns: whether it was deleted; false as well where there is no such content.
    package func remove(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool {
        let path = files.path(of: hash)
        return try await watched { () throws(ArchiveError) in
            let wasRemoved = try placement.mutex.withLock { (_) throws(ArchiveError) in
                do throws(ArchiveError) {
                    guard try FileStatus(of: path).age >= age else { return false }
                    try system(.remove, path) { unlink(path) }
                    return true
                } catch .failed(_, _, ENOENT) {
                    return false
                }
            }
            if wasRemoved {
                CrashPoint.contentUnlinked.pass()
                try OpenFile.syncDirectory(files.bucket(of: hash))
            }
            return wasRemoved
        }
    }

    /// Moves content that is not whole to `damaged/`, where it keeps its name and nothing reads it. Verified and moved in
    /// one step, so that a whole file that somebody is just storing in its place is never taken away.
    /// - Returns: how it was; `.whole` and `.missing` were left alone.
    package func setAside(_ hash: ContentHash) async throws(ArchiveError) -> ObjectCondition {
        do throws(ArchiveError) {
            return try await offloaded { () throws(ArchiveError) in
                try placement.mutex.withLock { (_) throws(ArchiveError) in try moveAside(hash) }
            }
        } catch {
            if error.isFatal { onFatal(error) }
            throw error
        }
    }

    private func moveAside(_ hash: ContentHash) throws(ArchiveError) -> ObjectCondition {
        let path = files.path(of: hash)
        let condition: ObjectCondition
        do throws(ArchiveError) {
            condition = try ObjectFiles.condition(of: OpenFile(path, O_RDONLY), named: hash)
        } catch .failed(.open, _, ENOENT) {
            return .missing
        }
        switch condition {
        case .whole, .missing: return condition
        case .damaged, .unreadable: break
        }
        try move(hash, to: Self.damagedName)
        return condition
    }

    private func move(_ hash: ContentHash, to name: String) throws(ArchiveError) {
        let (path, destination) = (files.path(of: hash), "\(directory)/\(name)")
        try ArchiveDirectories.make(name, in: directory)
        try system(.rename, path) { rename(path, "\(destination)/\(hash.hex)") }
        // There before it is gone here: a crash between leaves it in both or in one.
        try OpenFile.syncDirectory(destination)
        try OpenFile.syncDirectory(files.bucket(of: hash))
    }

    /// Moves content that no row remembers to `stray/`: how long it has lain there nobody knows for sure, and it may be
    /// what an interrupted call has paid for. What was stored within `age` stays, because a row for it may be about to be
    /// written.
    /// - Returns: whether it was moved; false as well where there is no such content.
    package func putAway(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool {
        let path = files.path(of: hash)
        return try await watched { () throws(ArchiveError) in
            try placement.mutex.withLock { (_) throws(ArchiveError) in
                do throws(ArchiveError) {
                    guard try FileStatus(of: path).age >= age else { return false }
                } catch .failed(_, _, ENOENT) {
                    return false
                }
                try move(hash, to: Self.strayName)
                return true
            }
        }
    }

    /// Moves content back into its place that lies whole in `damaged/` or `stray/`: a disk may read today what it did not
    /// read yesterday.
    /// - Returns: whether there was such content.
    package func takeBack(_ hash: ContentHash) async throws(ArchiveError) -> Bool {
        try await watched { () throws(ArchiveError) in
            for name in [Self.strayName, Self.damagedName] {
                let path = "\(directory)/\(name)/\(hash.hex)"
                do throws(ArchiveError) {
                    guard case .whole = try ObjectFiles.condition(of: OpenFile(path, O_RDONLY), named: hash) else {
                        continue
                    }
                } catch .failed(.open, _, _) {
                    continue
                }
                try placement.mutex.withLock { (_) throws(ArchiveError) in
                    _ = try system(.rename, path) { rename(path, files.path(of: hash)) }
                }
                try OpenFile.syncDirectory(files.bucket(of: hash))
                try OpenFile.syncDirectory("\(directory)/\(name)")
                return true
            }
            return false
        }
    }

    /// The picture that a content is.
    /// - Returns: nil where its bytes are none.
    package func picture(_ hash: ContentHash) async throws(ArchiveError) -> StoredPicture? {
        let file = try await open(hash)
        return try await offloaded { () throws(ArchiveError) in
            let info: Result<PictureInfo, PictureDefect>
            do {
                info = try PictureReader.inspect(file.blocking)
            } catch {
                throw error as? ArchiveError ?? .failed(operation: .read, path: self.files.path(of: hash), errno: EIO)
            }
            guard case .success(let info) = info else { return nil }
            return StoredPicture(
                hash: hash, mediaType: info.format.mediaType, width: info.width, height: info.height, bytes: file.size,
                flaw: info.flaw)
        }
    }

    /// What the daemon may still write in the state directory's file system, as far as that says: quotas it does not tell.
    package func freeSpace() async throws(ArchiveError) -> FreeSpace {
        try await offloaded { () throws(ArchiveError) in
            var status = statvfs()
            try system(.measure, directory) { statvfs(directory, &status) }
            let bytes = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
            return FreeSpace(
                bytes: Int64(clamping: bytes),
                files: status.f_files == 0 ? nil : Int64(clamping: UInt64(status.f_favail)))
        }
    }

    /// Returns when so many bytes could be written into a file of their own, which is removed again: what a quota allows
    /// only a write tells.
    package func tryWriting(bytes: Int64) async throws(ArchiveError) {
        let file = try await receive(limit: .max)
        do throws(ArchiveError) {
            try await watched { () throws(ArchiveError) in try file.reserve(bytes) }
            try await file.write(ByteBuffer(repeating: 0, count: 4096))
            try await watched { () throws(ArchiveError) in try file.contents().bytes.file.sync() }
        } catch {
            await discard(file)
            throw error
        }
        await discard(file)
    }
}
