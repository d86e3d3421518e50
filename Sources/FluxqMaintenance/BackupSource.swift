import FluxqArchive
import FluxqHost
package import FluxqModel
package import FluxqStore
import Foundation
import Glibc
import NIOCore
import SystemPackage

/// The half of a backup that reads the state; see `BackupStream`. It opens only the state and a directory of its own
/// for the snapshot, so it can run as the state's owner.
package struct BackupSource: Sendable {
    private static let snapshotName = "snapshot.sqlite"
    private static let earlierName = "earlier.sqlite"
    private static let pieceBytes = 1 << 20

    private let content: any ContentReader
    private let store: ReadOnlyStore
    private let now: Timestamp
    private let scrutiny: StateBackup.Scrutiny
    private let stream: BackupStream

    /// - Parameters:
    ///   - source: the state directory.
    ///   - store: its database.
    package init(
        of source: String, store: ReadOnlyStore, now: Timestamp, scrutiny: StateBackup.Scrutiny, on stream: BackupStream
    ) {
        content = ObjectFiles(directory: source)
        self.store = store
        self.now = now
        self.scrutiny = scrutiny
        self.stream = stream
    }

    /// Returns when the backup has everything, or when the failure has been sent to the other half.
    ///
    /// - Parameter temporary: a directory with room for the database; nil uses `/var/tmp`.
    package func serve(temporary: String? = nil) async {
        do {
            let workplace = try Self.makeWorkplace(in: temporary ?? "/var/tmp")
            do {
                try await serve(in: workplace)
            } catch {
                await stream.send(failure: error)
            }
            try FileManager.default.removeItem(atPath: workplace)
        } catch {
            await stream.send(failure: error)
        }
    }

    private func serve(in workplace: String) async throws {
        try await answerWhatIsThere(in: workplace)
        let path = "\(workplace)/\(Self.snapshotName)"
        try await store.copy(to: path, at: now)
        try await sendDatabase(path)
        let snapshot = try ReadOnlyStore(path: path)
        for bucket in ContentBuckets.all {
            let there = try await inventory()
            for reference in try await snapshot.references(in: bucket) {
                try await send(reference, there: there[reference.hash])
            }
            try await stream.send("end")
        }
        try snapshot.close()
    }

    /// Tells whether the earlier database is a backup's. A database is marked as a backup; a fluxqd that runs on it
    /// removes the mark.
    private func answerWhatIsThere(in workplace: String) async throws {
        let path = "\(workplace)/\(Self.earlierName)"
        var line = try await stream.line()
        guard line != ["none"] else { return try await stream.send("backup") }
        for (word, file) in [("earlier", path), ("log", "\(path)-wal")] {
            if line == ["end"] { break }
            guard line.count == 2, line[0] == word, let count = Int64(line[1]), count >= 0 else {
                throw BackupStream.Failure.unexpected(line.joined(separator: " "))
            }
            guard FileManager.default.createFile(atPath: file, contents: nil),
                let handle = FileHandle(forWritingAtPath: file)
            else { throw BackupStream.Failure.system(.last) }
            try await stream.bytes(count) { try handle.write(contentsOf: Data($0)) }
            try handle.close()
            line = try await stream.line()
        }
        guard line == ["end"] else { throw BackupStream.Failure.unexpected(line.joined(separator: " ")) }
        try await stream.send(try await isBackup(path) ? "backup" : "other")
    }

    private func isBackup(_ path: String) async throws -> Bool {
        let earlier: ReadOnlyStore
        do throws(StoreError) {
            // Only a process that may create the file beside a log can read the log.
            earlier = try ReadOnlyStore(path: path)
        } catch .olderSchema {
            // Of such a backup only files that are named by their content are kept.
            return true
        } catch {
            return false
        }
        let time = try await earlier.backupTime()
        try earlier.close()
        return time != nil
    }

    private func sendDatabase(_ path: String) async throws {
        let handle = try FileHandle(forReadingFrom: URL(filePath: path))
        let bytes = try handle.seekToEnd()
        try await stream.send("database", "\(bytes)")
        try handle.seek(toOffset: 0)
        try await stream.send(bytes, of: handle, path: path)
        try handle.close()
    }

    /// Reads the backup's inventory of a bucket: hashes with their sizes in bytes.
    private func inventory() async throws -> [ContentHash: Int64] {
        var there: [ContentHash: Int64] = [:]
        while case let line = try await stream.line(), line != ["end"] {
            guard line.count == 2, let hash = ContentHash(hex: line[0]), let bytes = Int64(line[1]) else {
                throw BackupStream.Failure.unexpected(line.joined(separator: " "))
            }
            there[hash] = bytes
        }
        return there
    }

    /// - Parameter there: the size of the backup's copy in bytes; nil if it has none. Content never changes under its
    ///   name, so a whole copy in the backup is from an earlier run.
    private func send(_ reference: ContentReference, there: Int64?) async throws {
        let hash = reference.hash
        let size = await size(of: hash)
        if let there, scrutiny == .everyByte || there == size {
            return try await stream.send(reference.isExpected && size == nil ? "only" : "kept", hash.hex)
        }
        if let original = await whole(hash) { return try await send(hash, original) }
        // Damage that the rows know already is not reported. An unused input may have been deleted since the snapshot.
        guard reference.isExpected else { return }
        if there != nil {
            try await stream.send("doubtful", hash.hex)
        } else if try await !store.uses(of: hash).isEmpty {
            try await stream.send("damaged", hash.hex)
        }
    }

    private func send(_ hash: ContentHash, _ original: ArchivedFile) async throws {
        try await stream.send("file", hash.hex, "\(original.size)")
        var offset: Int64 = 0
        while offset < original.size {
            let piece = try await original.read(at: offset, count: Self.pieceBytes)
            // The file was truncated after it was verified.
            guard piece.readableBytes > 0 else {
                throw BackupStream.Failure.other("\(hash) has changed while it was read")
            }
            offset += Int64(piece.readableBytes)
            try await stream.send(ArraySlice(piece.readableBytesView))
        }
    }

    /// nil if there is no such file, or if it cannot be examined: one bad file does not stop the copying of others.
    private func size(of hash: ContentHash) async -> Int64? {
        do { return try await content.size(of: hash) } catch { return nil }
    }

    private func whole(_ hash: ContentHash) async -> ArchivedFile? {
        do { return try await content.openVerified(hash) } catch { return nil }
    }

    private static func makeWorkplace(in directory: String) throws -> String {
        var template = Array("\(directory)/fluxq-backup.XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else {
            throw BackupStream.Failure.other(
                "a directory for the snapshot of the database cannot be made in \(directory): "
                    + "\(Errno.last)")
        }
        return String(cString: path)
    }
}
