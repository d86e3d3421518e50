package import FluxqFormats
package import FluxqModel
import Glibc
import NIOCore

/// What this host has taken in and not yet handed over: the files of `incoming/` and the room for them.
///
/// Bytes stream into an `IncomingFile` here, whichever store keeps the content in the end, and what belongs to an answer
/// that is not recorded yet outlives the process here: see `CallFile`. Only the process that received an answer, or the next
/// one on the same state directory, can record it. So none of this is asked of a `ContentStore`, whose content may one day
/// lie elsewhere and belong to several hosts. A store of content hands out the spool that it takes files from, because
/// both may have to be on one file system: `LocalArchive` stores a file by renaming it.
///
/// Copies are the same spool. Nothing here blocks its caller but what says so.
package struct Spool: Sendable {
    /// What an earlier process had received of answers and not recorded, as found at start.
    package let leftAnswers: [LeftAnswer]
    package let keptRoom = KeptRoom()
    let directory: String
    let offloaded: OffloadedWork
    let callFiles: CallFiles
    let spareFiles = SpareFiles()

    /// Empties `incoming/` of everything but what belongs to calls. Blocks.
    /// - Parameter directory: the state directory; `incoming/` is there.
    init(directory: String, offloaded: OffloadedWork) throws(ArchiveError) {
        self.directory = directory
        self.offloaded = offloaded
        let left = try ArchiveDirectories.names(in: "\(directory)/incoming").compactMap(CallFile.init(name:))
        try ArchiveDirectories.empty("\(directory)/incoming", except: Set(left.map(\.name)))
        leftAnswers = LeftAnswer.all(left)
        callFiles = CallFiles(left)
    }

    /// A new temporary file.
    /// - Parameter limit: bytes; a write beyond them fails with `.tooLarge`.
    package func receive(limit: Int64) async throws(ArchiveError) -> IncomingFile {
        let path = temporaryPath()
        return try await offloaded.watched { () throws(ArchiveError) in
            try IncomingFile(path: path, limit: limit, offloaded: offloaded)
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

    /// What the bytes received so far say.
    package func inspect(_ incoming: IncomingFile) async throws(ArchiveError) -> Result<PictureInfo, PictureDefect> {
        try await offloaded.watched { () throws(ArchiveError) in
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

    /// The hash of the bytes received so far.
    package func hash(of incoming: IncomingFile) async throws(ArchiveError) -> ContentHash {
        try await offloaded.watched { () throws(ArchiveError) in try incoming.contents().hash }
    }

    package func discard(_ incoming: IncomingFile) async {
        await offloaded { incoming.remove() }
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
            try await offloaded.watched { () throws(ArchiveError) in try file.reserve(bytes) }
            try await file.write(ByteBuffer(repeating: 0, count: 4096))
            try await offloaded.watched { () throws(ArchiveError) in try file.contents().bytes.file.sync() }
        } catch {
            await discard(file)
            throw error
        }
        await discard(file)
    }
}
