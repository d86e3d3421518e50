import FluxqArchive
package import FluxqModel
package import FluxqStore
import Foundation
import NIOCore

/// A copy of a state directory, made beside the running daemon: a snapshot of the database and every file it refers to.
///
/// ```
/// DIRECTORY  objects/… first, as an archive of its own: what is there already stays
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
        /// Content that is not whole in the archive and so is not in the backup.
        package var damaged: [ContentHash] = []
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
                "Another backup into \(path) is just being made. Wait for it, or name another directory."
            case .failed(let path, let why): "The backup cannot be written to \(path): \(why)"
            }
        }
    }

    private static let database = "queue.sqlite"
    private static let pieceBytes = 1 << 20

    private let source: String
    private let store: ReadOnlyStore
    private let now: Timestamp
    private let progress: @Sendable (Summary) -> Void

    /// - Parameters:
    ///   - source: the state directory.
    ///   - store: its database.
    package init(
        of source: String, store: ReadOnlyStore, now: Timestamp,
        progress: @escaping @Sendable (Summary) -> Void = { _ in }
    ) {
        self.source = source
        self.store = store
        self.now = now
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
        guard link(unfinished, path) == 0 else {
            throw errno == EEXIST ? Refusal.alreadyThere(path) : Refusal.failed(path, Self.systemError())
        }
        try Self.sync((path as NSString).deletingLastPathComponent)
        return summary
    }

    private func writeDirectory(_ path: String) async throws -> Summary {
        try Self.makeDirectory(path)
        let lock = try Self.lock(path)
        defer { close(lock) }
        try await Self.checkIsBackup(path)
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
                try await copyContent(reference.hash, to: archive, &summary)
                progress(summary)
            }
        }
        try snapshot.close()
        try Self.sync(copy)
        guard rename(copy, "\(path)/\(Self.database)") == 0 else { throw Refusal.failed(path, Self.systemError()) }
        try Self.sync(path)
        return summary
    }

    private func copyContent(_ hash: ContentHash, to archive: Archive, _ summary: inout Summary) async throws {
        summary.files += 1
        let files = ObjectFiles(directory: source)
        // Content never changes under its name: what is there and as long was copied before.
        if let there = try await archive.files.size(of: hash), there == (try await files.size(of: hash)) { return }
        guard let original = try await files.openVerified(hash) else {
            summary.files -= 1
            // An input that nobody used may have been forgotten since the snapshot.
            if try await !store.uses(of: hash).isEmpty { summary.damaged.append(hash) }
            return
        }
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

    /// Empty, an unfinished backup, or one whose database says that it is one.
    private static func checkIsBackup(_ path: String) async throws {
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: path))
        guard !names.contains("lock") else { throw Refusal.isTheState(path) }
        let own: Set = [
            "objects", "incoming", database, "\(database)-shm", "\(database)-wal", "\(database).unfinished",
            "\(database).unfinished-journal",
        ]
        guard names.isSubset(of: own) else { throw Refusal.notABackup(path) }
        guard names.contains(database) else { return }
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
        guard time != nil else { throw Refusal.notABackup(path) }
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
        guard fsync(descriptor) == 0 else { throw Refusal.failed(path, systemError()) }
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }
}
