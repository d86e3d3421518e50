package import FluxqModel
import Glibc
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
/// One process has one `LocalArchive` (copies are the same one); the state directory's lock keeps other processes out.
package struct LocalArchive: ContentStore {
    /// Keeps a removal from deleting what a concurrent `store` has just put in its place.
    private final class PlacementLock: Sendable {
        let mutex = Mutex(())
    }

    /// Below the state directory; its files are named as they were in the archive.
    package static let damagedName = "damaged"
    /// Below the state directory: content that was found in the archive and that no row remembers.
    package static let strayName = "stray"

    package let spool: Spool
    private let files: ObjectFiles
    private let directory: String
    private let offloaded: OffloadedWork
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
        offloaded = OffloadedWork(blocking: blocking, onFatal: onFatal)
        try ArchiveDirectories.make(in: directory)
        spool = try Spool(directory: directory, offloaded: offloaded)
    }

    /// Puts the file into its place, where it replaces an earlier one of the same content. It is durable once this
    /// returns: only then may a row of the database refer to it. After an error the file is as it was, so that what a full
    /// disk refused can be tried again.
    package func store(_ incoming: IncomingFile) async throws(ArchiveError) -> StoredObject {
        try await offloaded.watched { () throws(ArchiveError) in
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

    private func place(_ contents: IncomingFile.Contents) throws(ArchiveError) {
        let file = contents.bytes.file
        try file.makeReadOnly()
        // Young from now on, however long ago its last byte came: see `remove`.
        try file.touch()
        try file.sync()
        CrashPoint.fileSynced.pass()
        // The name of a call stays until the answer is recorded.
        let path = contents.hasNameOfCall ? spool.temporaryPath() : contents.path
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
    /// - Returns: whether it was deleted; false as well if there is no such content.
    package func remove(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool {
        let path = files.path(of: hash)
        return try await offloaded.watched { () throws(ArchiveError) in
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
        try await offloaded.watched { () throws(ArchiveError) in
            try placement.mutex.withLock { (_) throws(ArchiveError) in try moveAside(hash) }
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
    /// - Returns: whether it was moved; false as well if there is no such content.
    package func putAway(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool {
        let path = files.path(of: hash)
        return try await offloaded.watched { () throws(ArchiveError) in
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
        try await offloaded.watched { () throws(ArchiveError) in
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
}

// What those who look ask, its files answer.
extension LocalArchive {
    package var damagedName: String { Self.damagedName }
    package var strayName: String { Self.strayName }

    package func path(of hash: ContentHash) -> String { files.path(of: hash) }

    package func path(ofBucket bucket: UInt8) -> String { files.path(ofBucket: bucket) }

    package func entries(in bucket: UInt8) async throws(ArchiveError) -> [ContentEntry]? {
        try await files.entries(in: bucket)
    }

    package func size(of hash: ContentHash) async throws(ArchiveError) -> Int64? { try await files.size(of: hash) }

    package func openVerified(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile? {
        try await files.openVerified(hash)
    }

    package func condition(of hash: ContentHash) async throws(ArchiveError) -> ObjectCondition {
        try await files.condition(of: hash)
    }
}
