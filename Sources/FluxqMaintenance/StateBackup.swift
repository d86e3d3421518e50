import FluxqArchive
import FluxqHost
package import FluxqModel
import Foundation
import Glibc
import NIOCore
import SystemPackage

/// A copy of a state directory, made beside the running daemon: a snapshot of the database and every file that it
/// refers to.
///
/// ```
/// DIRECTORY  objects/… first, as an archive of its own: existing whole files stay
///            queue.sqlite last, by rename: the snapshot that all of objects/ was copied for
/// FILE.tar   the same, packed
/// ```
///
/// An earlier backup in the directory stays intact until the rename, so an interrupted backup can simply be repeated.
///
/// This half writes, and may be root. It trusts nothing at its destination, and reads nothing of the state, which a
/// `BackupSource` sends. It opens the destination once, and finds everything in it from there.
package struct StateBackup: Sendable {
    /// The contents of a backup.
    package struct Summary: Hashable, Sendable {
        /// Files of the archive that the database refers to.
        package var files = 0
        /// Files that were not in the backup yet.
        package var copied = 0
        package var copiedBytes: Int64 = 0
        /// Damaged files in the backup that were copied again.
        package var mended: [ContentHash] = []
        /// Content that is no longer whole in the archive, but is in the backup from an earlier run.
        package var onlyHere: [ContentHash] = []
        /// Content that is whole neither in the archive nor in the backup.
        package var damaged: [ContentHash] = []
    }

    /// How thoroughly the files of an earlier backup are checked.
    package enum Scrutiny: Sendable {
        /// Compares every byte with the hash that is the file's name.
        case everyByte
        /// Compares only the size of each file.
        case sizes
    }

    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case notABackup(String)
        case alreadyThere(String)
        case isTheState(String)
        case inUse(String)
        /// Another user can write there, or redirect the path.
        case untrusted(String, why: String)
        case failed(String, String)

        package var description: String {
            switch self {
            case .notABackup(let path):
                "\(path) holds something other than a backup of fluxqd; nothing was written. Name an empty or a new "
                    + "directory."
            case .alreadyThere(let path): "\(path) already exists; nothing was written. Name a new file."
            case .isTheState(let path):
                "\(path) is a state directory that a fluxqd runs or ran on; nothing was written. Name another."
            case .inUse(let path):
                "Another backup into \(path) is just being made, or a repair of it. Wait for it, or name another directory."
            case .untrusted(let path, let why):
                "\(path) \(why), so somebody else might get the backup, or have put something in its place; nothing was "
                    + "written. Name a place that is yours and that only you can write, such as one made with: "
                    + "mkdir -m 700 DIRECTORY"
            case .failed(let path, let why): "The backup cannot be written to \(path): \(why)"
            }
        }
    }

    private static let database = "queue.sqlite"
    private static let unfinished = "queue.sqlite.unfinished"
    private static let lockName = "lock"

    private let source: BackupStream
    private let scrutiny: Scrutiny
    private let progress: @Sendable (Summary) -> Void

    /// - Parameter source: a stream whose other end a `BackupSource` serves, with the same scrutiny.
    package init(
        from source: BackupStream, scrutiny: Scrutiny = .everyByte,
        progress: @escaping @Sendable (Summary) -> Void = { _ in }
    ) {
        self.source = source
        self.scrutiny = scrutiny
        self.progress = progress
    }

    /// - Parameter path: a directory, or a file whose name ends in `.tar`.
    package func write(to path: String) async throws -> Summary {
        do {
            return path.hasSuffix(".tar") ? try await writeFile(path) : try await writeDirectory(path)
        } catch let error as TrustedDirectory.Distrust {
            throw Refusal.untrusted(error.path, why: error.why)
        } catch let error as BackupStream.Failure {
            try Task.checkCancellation()
            throw Refusal.failed(path, error.description)
        }
    }

    private func writeFile(_ path: String) async throws -> Summary {
        let (above, name) = Self.split(path)
        let directory = try TrustedDirectory(above)
        try directory.checkIsOwn(above, isRootTrusted: true)
        guard faccessat(directory.descriptor, name, F_OK, Int32(AT_SYMLINK_NOFOLLOW)) != 0 else {
            throw Refusal.alreadyThere(path)
        }
        let tar = try TarFile(in: directory.descriptor, time: HostClock.wallSeconds())
        for name in [".", "./objects", "./objects/sha256"] { try tar.addDirectory(name) }
        try await source.send("none")
        guard try await source.line() == ["backup"] else { throw BackupStream.Failure.unexpected("no snapshot") }
        try await receiveDatabase { bytes in
            try tar.beginFile("./\(Self.database)", mode: 0o600, bytes: bytes)
            try await source.bytes(bytes) { try tar.write($0) }
            try tar.endFile(bytes: bytes)
        }
        var summary = Summary()
        for _ in ContentBuckets.all {
            try await source.send("end")
            var isNew = true
            while let word = try await next() {
                switch word {
                case .file(let hash, let bytes):
                    let bucket = "./objects/sha256/\(hash.hex.prefix(2))"
                    if isNew { try tar.addDirectory(bucket) }
                    isNew = false
                    try tar.beginFile("\(bucket)/\(hash.hex)", mode: 0o400, bytes: bytes)
                    try await source.bytes(bytes) { try tar.write($0) }
                    try tar.endFile(bytes: bytes)
                    summary.count(copied: bytes)
                case .damaged(let hash): summary.damaged.append(hash)
                case .kept, .only, .doubtful: throw BackupStream.Failure.unexpected("of a file that is not there")
                }
                progress(summary)
            }
        }
        guard try tar.finish(as: name) else { throw Refusal.alreadyThere(path) }
        try Self.sync(directory.descriptor, path)
        return summary
    }

    private func writeDirectory(_ path: String) async throws -> Summary {
        let directory = try Self.directory(path)
        try directory.checkIsOwn(path)
        try Self.lock(directory, path)
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: directory.path))
        try directory.checkIsOwn(Self.directories, of: path)
        try await checkIsBackup(directory, names, path)
        let repairLock = try Self.lockAgainstRepair(directory, path)
        defer { if let repairLock { close(repairLock) } }

        for suffix in ["", "-journal"] { unlinkat(directory.descriptor, Self.unfinished + suffix, 0) }
        let copy = openat(
            directory.descriptor, Self.unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard copy >= 0 else { throw Refusal.failed(path, Self.systemError()) }
        let handle = FileHandle(fileDescriptor: copy, closeOnDealloc: true)
        try await receiveDatabase { bytes in
            try await source.bytes(bytes) { try handle.write(contentsOf: Data($0)) }
        }
        let archive = try LocalArchive(directory: directory.path)
        var summary = Summary()
        for bucket in ContentBuckets.all { try await receive(bucket, into: archive, &summary) }
        try Self.sync(copy, path)
        guard
            renameat(directory.descriptor, Self.unfinished, directory.descriptor, Self.database) == 0
        else { throw Refusal.failed(path, Self.systemError()) }
        // If the old database was opened there, its log belongs to it and not to the new one.
        for suffix in ["-wal", "-shm"] { unlinkat(directory.descriptor, Self.database + suffix, 0) }
        try Self.sync(directory.descriptor, path)
        try handle.close()
        return summary
    }

    /// Sends the backup's inventory of a bucket, and receives the missing content.
    private func receive(_ bucket: UInt8, into archive: LocalArchive, _ summary: inout Summary) async throws {
        var unsound: Set<ContentHash> = []
        for entry in try await archive.entries(in: bucket) ?? [] {
            guard let hash = entry.hash else { continue }
            try Task.checkCancellation()
            if scrutiny == .sizes {
                try await source.send(hash.hex, "\(entry.bytes)")
            } else if case .whole(let bytes) = try await archive.condition(of: hash) {
                try await source.send(hash.hex, "\(bytes)")
            } else {
                unsound.insert(hash)
            }
        }
        try await source.send("end")
        while let word = try await next() {
            switch word {
            case .kept: summary.files += 1
            case .only(let hash):
                summary.files += 1
                summary.onlyHere.append(hash)
            case .doubtful(let hash):
                // The sizes differ: the backup's copy may be the whole one.
                if case .whole = try await archive.condition(of: hash) {
                    summary.files += 1
                    summary.onlyHere.append(hash)
                } else {
                    summary.damaged.append(hash)
                }
            case .damaged(let hash): summary.damaged.append(hash)
            case .file(let hash, let bytes):
                let wasThere = try await archive.size(of: hash) != nil
                let file = try await archive.spool.receive(limit: bytes)
                try await source.bytes(bytes) { try await file.write(ByteBuffer(bytes: $0)) }
                guard try await archive.spool.hash(of: file) == hash else {
                    await archive.spool.discard(file)
                    throw BackupStream.Failure.unexpected("other bytes than those of \(hash)")
                }
                _ = try await archive.store(file)
                if wasThere || unsound.contains(hash) { summary.mended.append(hash) }
                summary.count(copied: bytes)
            }
            progress(summary)
        }
    }

    private enum Word {
        case file(ContentHash, bytes: Int64)
        case kept(ContentHash), only(ContentHash), doubtful(ContentHash), damaged(ContentHash)
    }

    /// Reads the next word of a bucket; nil at its end.
    private func next() async throws -> Word? {
        try Task.checkCancellation()
        let line = try await source.line()
        if line == ["end"] { return nil }
        let unexpected = BackupStream.Failure.unexpected(line.joined(separator: " "))
        guard line.count >= 2, let hash = ContentHash(hex: line[1]) else { throw unexpected }
        switch (line[0], line.count) {
        case ("file", 3):
            guard let bytes = Int64(line[2]), bytes >= 0 else { throw unexpected }
            return .file(hash, bytes: bytes)
        case ("kept", 2): return .kept(hash)
        case ("only", 2): return .only(hash)
        case ("doubtful", 2): return .doubtful(hash)
        case ("damaged", 2): return .damaged(hash)
        default: throw unexpected
        }
    }

    private func receiveDatabase(_ take: (Int64) async throws -> Void) async throws {
        let line = try await source.line()
        guard line.count == 2, line[0] == "database", let bytes = Int64(line[1]), bytes > 0 else {
            throw BackupStream.Failure.unexpected(line.joined(separator: " "))
        }
        try await take(bytes)
    }

    /// Accepts an empty directory, an unfinished backup, or one whose database is marked as a backup.
    private func checkIsBackup(_ directory: TrustedDirectory, _ names: Set<String>, _ path: String) async throws {
        guard names.isSubset(of: Self.files.union(Self.directories)) else { throw Refusal.notABackup(path) }
        guard names.contains(Self.database) else {
            if names.contains(Self.lockName) { throw Refusal.isTheState(path) }
            try await source.send("none")
            _ = try await source.line()
            return
        }
        for (word, name) in [("earlier", Self.database), ("log", "\(Self.database)-wal")] where names.contains(name) {
            let descriptor = openat(directory.descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { throw Refusal.failed(path, Self.systemError()) }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw Refusal.notABackup(path)
            }
            let bytes = try handle.seekToEnd()
            try await source.send(word, "\(bytes)")
            try handle.seek(toOffset: 0)
            try await source.send(bytes, of: handle, path: "\(path)/\(name)")
            try handle.close()
        }
        try await source.send("end")
        guard try await source.line() == ["backup"] else {
            throw names.contains(Self.lockName) ? Refusal.isTheState(path) : Refusal.notABackup(path)
        }
    }
}

extension StateBackup {
    /// The directories and files that a backup may contain.
    private static let directories =
        ["objects", "incoming", LocalArchive.damagedName, LocalArchive.strayName, "objects/sha256"]
        + ContentBuckets.all.map { "objects/sha256/" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    private static let files: Set = [
        lockName, database, "\(database)-shm", "\(database)-wal", unfinished, "\(unfinished)-journal",
    ]

    /// Returns the parent directory, and the name in it.
    private static func split(_ path: String) -> (above: String, name: String) {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return (".", String(trimmed)) }
        let above = trimmed[..<slash]
        return (above.isEmpty ? "/" : String(above), String(trimmed[trimmed.index(after: slash)...]))
    }

    /// Opens the existing directory, unless it is a link, or a new one.
    private static func directory(_ path: String) throws -> TrustedDirectory {
        let (above, name) = split(path)
        // The path may be `.` or `/`, which have no name in a parent.
        guard !name.isEmpty, name != ".", name != ".." else { return try TrustedDirectory(path) }
        let parent = try TrustedDirectory(above)
        if mkdirat(parent.descriptor, name, 0o700) != 0 {
            guard errno == EEXIST else { throw Refusal.failed(path, systemError()) }
            var status = stat()
            guard fstatat(parent.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw Refusal.failed(path, systemError())
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: break
            case S_IFLNK: throw Refusal.untrusted(path, why: "is a link")
            default: throw Refusal.notABackup(path)
            }
        }
        return try TrustedDirectory(name, in: parent, path: path)
    }

    /// Allows one backup at a time into a directory, until its descriptor is closed.
    private static func lock(_ directory: TrustedDirectory, _ path: String) throws {
        guard flock(directory.descriptor, LOCK_EX | LOCK_NB) == 0 else { throw Refusal.inUse(path) }
    }

    /// Takes the lock that a repair of the backup holds, as for a state directory. A repair leaves the lock file
    /// behind.
    ///
    /// - Returns: nil if the backup was never repaired.
    private static func lockAgainstRepair(_ directory: TrustedDirectory, _ path: String) throws -> CInt? {
        let descriptor = openat(directory.descriptor, lockName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
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

    private static func sync(_ descriptor: CInt, _ path: String) throws {
        // A file system that cannot sync a directory makes its entries durable by other means, or not at all.
        guard fsync(descriptor) == 0 || ExclusiveRename.isUnsupported(.last) else {
            throw Refusal.failed(path, systemError())
        }
    }

    private static func systemError() -> String { "\(Errno.last)" }
}

extension StateBackup.Summary {
    fileprivate mutating func count(copied bytes: Int64) {
        files += 1
        copied += 1
        copiedBytes += bytes
    }
}
