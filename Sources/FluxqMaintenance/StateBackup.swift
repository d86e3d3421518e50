import FluxqArchive
package import FluxqModel
package import FluxqStore
import Foundation
import NIOCore

/// A copy of a state directory, made beside the running daemon: a snapshot of the database and every file it refers to.
///
/// ```
/// DIRECTORY  objects/… first, as an archive of its own: what is there already and whole stays
///            queue.sqlite last, by rename: the snapshot that all of objects/ was copied for
/// FILE.tar   the same, packed by tar
/// ```
///
/// Until the rename an earlier backup in the directory is as it was, so an interrupted one is simply made again.
package struct StateBackup: Sendable {
    /// What a backup holds.
    package struct Summary: Hashable, Sendable {
        /// Files of the archive that the database refers to.
        package var files = 0
        /// Those that were not there yet.
        package var copied = 0
        package var copiedBytes: Int64 = 0
        /// Those that were there and damaged, and were copied again.
        package var mended: [ContentHash] = []
        /// Content that is not whole in the archive any more, and that the backup has from earlier.
        package var onlyHere: [ContentHash] = []
        /// Content that is whole neither in the archive nor in the backup.
        package var damaged: [ContentHash] = []
    }

    /// How what an earlier backup has left is looked at.
    package enum Scrutiny: Sendable {
        /// Every byte against the hash that is the file's name.
        case everyByte
        /// Only how long each file is.
        case sizes
    }

    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case notABackup(String)
        case alreadyThere(String)
        case isTheState(String)
        case inUse(String)
        case failed(String, String)

        package var description: String {
            switch self {
            case .notABackup(let path):
                "\(path) holds something else than a backup of fluxqd; nothing was written. Name an empty or a new directory."
            case .alreadyThere(let path): "\(path) is there already; nothing was written. Name a new file."
            case .isTheState(let path):
                "\(path) is a state directory that a fluxqd runs or ran on; nothing was written. Name another."
            case .inUse(let path):
                "Another backup into \(path) is just being made, or a repair of it. Wait for it, or name another directory."
            case .failed(let path, let why): "The backup cannot be written to \(path): \(why)"
            }
        }
    }

    private static let database = "queue.sqlite"
    private static let lockName = "lock"
    private static let pieceBytes = 1 << 20

    private let source: String
    private let store: ReadOnlyStore
    private let now: Timestamp
    private let scrutiny: Scrutiny
    private let progress: @Sendable (Summary) -> Void

    /// - Parameters:
    ///   - source: the state directory.
    ///   - store: its database.
    package init(
        of source: String, store: ReadOnlyStore, now: Timestamp, scrutiny: Scrutiny = .everyByte,
        progress: @escaping @Sendable (Summary) -> Void = { _ in }
    ) {
        self.source = source
        self.store = store
        self.now = now
        self.scrutiny = scrutiny
        self.progress = progress
    }

    /// - Parameter path: a directory, or a file whose name ends in `.tar`.
    package func write(to path: String) async throws -> Summary {
        path.hasSuffix(".tar") ? try await writeFile(path) : try await writeDirectory(path)
    }

    private func writeFile(_ path: String) async throws -> Summary {
        guard access(path, F_OK) != 0 else { throw Refusal.alreadyThere(path) }
        let unpacked = "\(path).unpacked"
        let unfinished = "\(path).unfinished"
        // Nothing is removed in the end that an earlier backup has not left.
        try Self.makeDirectory(unpacked)
        try await Self.checkIsBackup(unpacked)
        defer {
            // What is left of an interrupted one goes with the next.
            for leftover in [unpacked, unfinished] where access(leftover, F_OK) == 0 {
                do { try FileManager.default.removeItem(atPath: leftover) } catch {}
            }
        }
        let summary = try await writeDirectory(unpacked)
        try await Self.pack(unpacked, into: unfinished)
        try Self.sync(unfinished)
        let code = ExclusiveRename.move(unfinished, to: path, in: AT_FDCWD)
        guard code == 0 else {
            throw code == EEXIST ? Refusal.alreadyThere(path) : Refusal.failed(path, String(cString: strerror(code)))
        }
        try Self.sync((path as NSString).deletingLastPathComponent)
        return summary
    }

    private func writeDirectory(_ path: String) async throws -> Summary {
        try Self.makeDirectory(path)
        let lock = try Self.lock(path)
        defer { close(lock) }
        try await Self.checkIsBackup(path)
        let repairLock = try Self.lockAgainstRepair(path)
        defer { if let repairLock { close(repairLock) } }
        let copy = "\(path)/\(Self.database).unfinished"
        for suffix in ["", "-journal"] { unlink(copy + suffix) }
        try await store.copy(to: copy, at: now)
        let archive: Archive
        archive = try Archive(directory: path)

        let snapshot = try ReadOnlyStore(path: copy)
        var summary = Summary()
        for bucket in ObjectFiles.buckets {
            for reference in try await snapshot.references(in: bucket) {
                try Task.checkCancellation()
                try await copyContent(reference, to: archive, &summary)
                progress(summary)
            }
        }
        try snapshot.close()
        try Self.sync(copy)
        guard rename(copy, "\(path)/\(Self.database)") == 0 else { throw Refusal.failed(path, Self.systemError()) }
        try Self.sync(path)
        return summary
    }

    /// Content never changes under its name, so what is there and whole was copied before.
    private func copyContent(
        _ reference: ContentReference, to archive: Archive, _ summary: inout Summary
    ) async throws {
        let hash = reference.hash
        let files = ObjectFiles(directory: source)
        let isThere = try await archive.files.size(of: hash) != nil
        if isThere, try await isCopy(of: hash, in: archive, files) {
            summary.files += 1
            // Each is looked at in the archive as well, but only to say so: the backup has it.
            if reference.isExpected, try await Self.size(of: hash, files) == nil { summary.onlyHere.append(hash) }
            return
        }
        guard let original = try await Self.whole(hash, files) else {
            // The sizes differ: the copy may be the one that is whole.
            if isThere, case .whole = try await archive.files.condition(of: hash) {
                summary.files += 1
                if reference.isExpected { summary.onlyHere.append(hash) }
                return
            }
            // What its rows know as damaged is no news, and an input that nobody used may have been forgotten since the
            // snapshot.
            if reference.isExpected, try await !store.uses(of: hash).isEmpty { summary.damaged.append(hash) }
            return
        }
        summary.files += 1
        if isThere { summary.mended.append(hash) }
        let file = try await archive.receive(limit: original.size)
        var offset: Int64 = 0
        while offset < original.size {
            let piece = try await original.read(at: offset, count: Self.pieceBytes)
            guard piece.readableBytes > 0 else { break }
            offset += Int64(piece.readableBytes)
            try await file.write(piece)
        }
        _ = try await archive.store(file)
        summary.copied += 1
        summary.copiedBytes += offset
    }

    private func isCopy(of hash: ContentHash, in archive: Archive, _ files: ObjectFiles) async throws -> Bool {
        switch scrutiny {
        case .everyByte:
            if case .whole = try await archive.files.condition(of: hash) { true } else { false }
        case .sizes:
            try await archive.files.size(of: hash) == Self.size(of: hash, files)
        }
    }

    /// nil where there is no such file, or none that can be looked at: one bad file is no reason to copy no other.
    private static func size(of hash: ContentHash, _ files: ObjectFiles) async throws -> Int64? {
        do { return try await files.size(of: hash) } catch { return nil }
    }

    private static func whole(_ hash: ContentHash, _ files: ObjectFiles) async throws -> ArchivedFile? {
        do { return try await files.openVerified(hash) } catch { return nil }
    }
}

extension StateBackup {
    private static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Refusal.failed(path, systemError()) }
    }

    /// One backup at a time into a directory.
    private static func lock(_ path: String) throws -> CInt {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ENOTDIR ? Refusal.notABackup(path) : Refusal.failed(path, systemError())
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Refusal.inUse(path)
        }
        return descriptor
    }

    /// A repair of the backup locks it as a state directory is locked, and leaves the file.
    ///
    /// - Returns: nil where none was ever made.
    private static func lockAgainstRepair(_ path: String) throws -> CInt? {
        let descriptor = open("\(path)/\(lockName)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Refusal.failed(path, systemError())
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw Refusal.inUse(path)
        }
        return descriptor
    }

    /// Empty, an unfinished backup, or one whose database says that it is one: a fluxqd that runs on a database has it say
    /// that it is none.
    private static func checkIsBackup(_ path: String) async throws {
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: path))
        let own: Set = [
            "objects", "incoming", Archive.damagedName, Archive.strayName, lockName, database, "\(database)-shm",
            "\(database)-wal", "\(database).unfinished", "\(database).unfinished-journal",
        ]
        guard names.isSubset(of: own) else { throw Refusal.notABackup(path) }
        guard names.contains(database) else {
            if names.contains(lockName) { throw Refusal.isTheState(path) }
            return
        }
        let earlier: ReadOnlyStore
        do {
            earlier = try ReadOnlyStore(path: "\(path)/\(database)")
        } catch .olderSchema {
            // Nothing of it is kept but files that are named by their content.
            return
        } catch {
            throw Refusal.notABackup(path)
        }
        let time = try await earlier.backupTime()
        try earlier.close()
        guard time != nil else {
            throw names.contains(lockName) ? Refusal.isTheState(path) : Refusal.notABackup(path)
        }
    }

    /// With the system's tar; as it is in the directory, for whoever unpacks it.
    private static func pack(_ directory: String, into file: String) async throws {
        let tar = Process()
        tar.executableURL = URL(filePath: "/usr/bin/env")
        tar.arguments = [
            "tar", "--create", "--file", file, "--directory", directory, "--exclude", "./incoming", "--sort=name",
            "--numeric-owner", ".",
        ]
        let status = try await withCheckedThrowingContinuation { (end: CheckedContinuation<Int32, any Error>) in
            tar.terminationHandler = { end.resume(returning: $0.terminationStatus) }
            do { try tar.run() } catch { end.resume(throwing: error) }
        }
        guard status == 0 else { throw Refusal.failed(file, "tar ended with \(status)") }
    }

    private static func sync(_ path: String) throws {
        let descriptor = open(path.isEmpty ? "." : path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Refusal.failed(path, systemError()) }
        defer { close(descriptor) }
        // A file system that cannot sync a directory makes its names durable by other means, or not at all.
        guard fsync(descriptor) == 0 || ExclusiveRename.isUnsupported(errno) else {
            throw Refusal.failed(path, systemError())
        }
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }
}
