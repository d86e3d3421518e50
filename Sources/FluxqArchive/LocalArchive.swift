package import FluxqHost
package import FluxqModel
import Glibc
import Synchronization
import SystemPackage

/// The content-addressed store: one read-only file per distinct content, `objects/sha256/ab/<64 hexadecimal digits>`,
/// whose bytes are exactly those received.
///
/// ```
/// receive ──> incoming/<random>  write … write
/// store   ──> fchmod, fsync(file), rename ──> objects/sha256/ab/<hash>, fsync(directory)
///                                                                         only then the caller's row
/// ```
///
/// Each process has one `LocalArchive` (copies share it); the state directory's lock excludes other processes.
package struct LocalArchive: ContentStore {
    /// Prevents a removal from deleting what a concurrent `store` has just renamed into the archive.
    private final class PlacementLock: Sendable {
        let mutex = Mutex(())
    }

    /// Below the state directory. Files keep the names that they had in the archive.
    package static let damagedName = "damaged"
    /// Below the state directory: content of the archive that had no row.
    package static let strayName = "stray"

    package let spool: Spool
    private let files: ObjectFiles
    private let directory: String
    private let offloaded: OffloadedWork
    private let placement = PlacementLock()

    /// Creates `objects/sha256/00` … `ff` and `incoming/` if they are missing. Removes all files from `incoming/`
    /// except those of calls. Blocks.
    /// - Parameters:
    ///   - directory: the state directory, which exists.
    /// - blocking: runs blocking work; nil uses a thread pool for it.
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

    /// Moves the file into the archive, where it replaces an earlier file of the same content. It is durable once this
    /// returns: only then may a row of the database refer to it. After an error the file is unchanged, so a store that
    /// a full disk refused can be tried again.
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
        // Resets its age, however long ago its last byte came: see `remove`.
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
        // A rename to another name of the same file does nothing: an earlier process has already moved it into the
        // archive.
        if contents.hasNameOfCall { _ = unlink(path) }
    }

    /// - Throws: `.missing` if the archive has no such content. Its bytes are not verified.
    package func open(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile {
        let path = files.path(of: hash)
        return try await offloaded { [offloaded] () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try ArchivedFile(OpenFile(path, O_RDONLY), offloaded: offloaded)
            } catch .failed(.open, _, .noSuchFileOrDirectory) {
                throw .missing(hash)
            }
        }
    }

    /// Deletes content that no row refers to. Content stored within `age` stays, because its row may be about to be
    /// written.
    /// - Returns: true if it was deleted; false also if there is no such content.
    package func remove(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool {
        let path = files.path(of: hash)
        return try await offloaded.watched { () throws(ArchiveError) in
            let wasRemoved = try placement.mutex.withLock { (_) throws(ArchiveError) in
                do throws(ArchiveError) {
                    guard try FileStatus(of: path).age >= age else { return false }
                    try system(.remove, path) { unlink(path) }
                    return true
                } catch .failed(_, _, .noSuchFileOrDirectory) {
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

    /// Moves content that is not whole to `damaged/`, where it keeps its name and nothing reads it. Verifies and moves
    /// in one step, so that it never takes away a whole file that another caller is storing.
    /// - Returns: the condition found; `.whole` and `.missing` content is left alone.
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
        } catch .failed(.open, _, .noSuchFileOrDirectory) {
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
        // Durable in the destination before the source is synced: a crash in between leaves it in both or in one.
        try OpenFile.syncDirectory(destination)
        try OpenFile.syncDirectory(files.bucket(of: hash))
    }

    /// Moves content without a row to `stray/`. Its real age is uncertain, and an interrupted call may have paid for
    /// it. Content stored within `age` stays, because its row may be about to be written.
    /// - Returns: true if it was moved; false also if there is no such content.
    package func putAway(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool {
        let path = files.path(of: hash)
        return try await offloaded.watched { () throws(ArchiveError) in
            try placement.mutex.withLock { (_) throws(ArchiveError) in
                do throws(ArchiveError) {
                    guard try FileStatus(of: path).age >= age else { return false }
                } catch .failed(_, _, .noSuchFileOrDirectory) {
                    return false
                }
                try move(hash, to: Self.strayName)
                return true
            }
        }
    }

    /// Moves content back into the archive if it is whole in `damaged/` or `stray/`. A disk may read today what it
    /// could not read yesterday.
    /// - Returns: true if there was such content.
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

// Read-only requests are forwarded to `ObjectFiles`.
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
