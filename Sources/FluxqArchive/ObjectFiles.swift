import Crypto
package import FluxqHost
package import FluxqModel
import Glibc
import SystemPackage

/// Read-only access to the files of the archive. Unlike a `LocalArchive` it may be used beside the daemon's.
package struct ObjectFiles: ContentReader {
    private static let pieceBytes = 1 << 20

    let directory: String
    private let offloaded: OffloadedWork

    /// - Parameters:
    ///   - directory: the state directory.
    /// - blocking: runs blocking work; nil uses a thread pool for it.
    package init(directory: String, blocking: BlockingWork? = nil) {
        self.directory = directory
        offloaded = OffloadedWork(blocking: blocking)
    }

    func bucket(of hash: ContentHash) -> String {
        "\(directory)/objects/sha256/\(hash.hex.prefix(2))"
    }

    package func path(of hash: ContentHash) -> String {
        "\(bucket(of: hash))/\(hash.hex)"
    }

    package func path(ofBucket bucket: UInt8) -> String {
        let digits = String(bucket, radix: 16)
        return "\(directory)/objects/sha256/\(digits.count == 1 ? "0" : "")\(digits)"
    }

    /// Returns the entries of a bucket, in no order; nil if there is no such bucket.
    package func entries(in bucket: UInt8) async throws(ArchiveError) -> [ContentEntry]? {
        let path = path(ofBucket: bucket)
        return try await offloaded { () throws(ArchiveError) in
            var entries: [ContentEntry] = []
            let names: [String]
            do throws(ArchiveError) {
                names = try ArchiveDirectories.names(in: path)
            } catch .failed(_, _, .noSuchFileOrDirectory) {
                return nil
            }
            for name in names {
                do throws(ArchiveError) {
                    let status = try FileStatus(of: "\(path)/\(name)")
                    entries.append(
                        ContentEntry(
                            path: "\(path)/\(name)", hash: status.isRegular ? ContentHash(hex: name) : nil,
                            bytes: status.bytes, age: status.age))
                } catch .failed(_, _, .noSuchFileOrDirectory) {
                    // Removed since the directory was read.
                } catch {
                    // Lists an entry even if it cannot be examined. Its age is unknown.
                    entries.append(
                        ContentEntry(path: "\(path)/\(name)", hash: ContentHash(hex: name), bytes: 0, age: .zero))
                }
            }
            return entries
        }
    }

    /// Returns the size of a content's file in bytes, whether it is whole or not; nil if there is none.
    package func size(of hash: ContentHash) async throws(ArchiveError) -> Int64? {
        let path = path(of: hash)
        return try await offloaded { () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try FileStatus(of: path).bytes
            } catch .failed(_, _, .noSuchFileOrDirectory) {
                return nil
            }
        }
    }

    /// Opens a content after it has been read completely.
    /// - Returns: nil unless it is whole.
    package func openVerified(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile? {
        let path = path(of: hash)
        return try await offloaded { [offloaded] () throws(ArchiveError) in
            do throws(ArchiveError) {
                let file = try OpenFile(path, O_RDONLY)
                guard case .whole = try Self.condition(of: file, named: hash) else { return nil }
                return try ArchivedFile(file, offloaded: offloaded)
            } catch .failed(.open, _, .noSuchFileOrDirectory) {
                return nil
            }
        }
    }

    /// Reads a content completely and compares its hash with its name.
    package func condition(of hash: ContentHash) async throws(ArchiveError) -> ObjectCondition {
        let path = path(of: hash)
        return try await offloaded { () throws(ArchiveError) in
            do throws(ArchiveError) {
                return try Self.condition(of: OpenFile(path, O_RDONLY), named: hash)
            } catch .failed(.open, _, .noSuchFileOrDirectory) {
                return .missing
            }
        }
    }

    /// Blocks.
    static func condition(of file: OpenFile, named hash: ContentHash) throws(ArchiveError) -> ObjectCondition {
        do throws(ArchiveError) {
            var hasher = SHA256()
            var bytes: Int64 = 0
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 16)
            defer { piece.deallocate() }
            while case let count = try file.read(at: bytes, into: piece), count > 0 {
                hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
                bytes += Int64(count)
            }
            let actual = ContentHash(digest: Array(hasher.finalize()))
            return actual == hash ? .whole(bytes: bytes) : .damaged(actual: actual, bytes: bytes)
        } catch .failed(.read, _, .ioError) {
            return .unreadable("\(Errno.ioError)")
        }
    }
}

/// The part of a file's status that the archive uses.
struct FileStatus {
    let isRegular: Bool
    let bytes: Int64
    /// Time since the last change; negative if that lies in the future.
    let age: Duration

    /// Blocks. Does not follow a symbolic link.
    init(of path: String) throws(ArchiveError) {
        var status = stat()
        try system(.measure, path) { lstat(path, &status) }
        isRegular = status.st_mode & S_IFMT == S_IFREG
        bytes = Int64(status.st_size)
        age = HostClock.wall() - Duration(timespec: status.st_mtim)
    }
}
