package import FluxqFormats
package import FluxqModel
import Glibc
import NIOCore
import SystemPackage

/// Received bytes that are not in a content store yet: the files of `incoming/` and the room for them.
///
/// Bytes stream into an `IncomingFile` here, whichever store keeps the content in the end. Files of an answer that is
/// not recorded yet outlive the process here: see `CallFile`. Only the process that received an answer, or the next one
/// on the same state directory, can record it. So none of this is part of `ContentStore`, whose content may one day be
/// stored elsewhere and belong to several hosts. A content store provides the spool that it takes files from, because
/// both may have to be on one file system: `LocalArchive` stores a file by renaming it.
///
/// Copies share one spool. Nothing here blocks its caller unless its comment mentions it.
package struct Spool: Sendable {
    /// Parts of answers that an earlier process had received and not recorded, as found at start.
    package let leftAnswers: [LeftAnswer]
    package let keptRoom = KeptRoom()
    let directory: String
    let offloaded: OffloadedWork
    let callFiles: CallFiles
    let spareFiles = SpareFiles()

    /// Removes all files from `incoming/` except those of calls. Blocks.
    /// - Parameter directory: the state directory; `incoming/` exists in it.
    init(directory: String, offloaded: OffloadedWork) throws(ArchiveError) {
        self.directory = directory
        self.offloaded = offloaded
        let left = try ArchiveDirectories.names(in: "\(directory)/incoming").compactMap(CallFile.init(name:))
        try ArchiveDirectories.empty("\(directory)/incoming", except: Set(left.map(\.name)))
        leftAnswers = LeftAnswer.all(left)
        callFiles = CallFiles(left)
    }

    /// Creates a temporary file.
    /// - Parameter limit: bytes; a write beyond them fails with `.tooLarge`.
    package func receive(limit: Int64) async throws(ArchiveError) -> IncomingFile {
        let path = temporaryPath()
        return try await offloaded.watched { () throws(ArchiveError) in
            try IncomingFile(path: path, limit: limit, offloaded: offloaded)
        }
    }

    /// 128 random bits never repeat. If they do, O_EXCL turns it into an error instead of an overwritten picture.
    func temporaryPath(prefix: String = "") -> String {
        let name = (0..<2).map { _ in
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        return "\(directory)/incoming/\(prefix)\(name)"
    }

    /// Returns the format and size of the picture received so far, or its defect.
    package func inspect(_ incoming: IncomingFile) async throws(ArchiveError) -> Result<PictureInfo, PictureDefect> {
        try await offloaded.watched { () throws(ArchiveError) in
            let bytes = try incoming.contents().bytes
            do {
                return try PictureReader.inspect(bytes)
            } catch let error as ArchiveError {
                throw error
            } catch {
                // `inspect` throws only what its byte source throws, which is an `ArchiveError`.
                throw .failed(operation: .read, path: bytes.file.path, errno: .ioError)
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

    /// Returns the free space of the state directory's file system. It does not include quotas.
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

    /// Succeeds if `bytes` can be reserved in a temporary file, which is removed again: only a write shows what a quota
    /// allows.
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
