import FluxqTestSupport
import Foundation
import Glibc
import NIOCore
import Testing

@testable import FluxqArchive

/// A real file system of one mebibyte.
private final class SmallFileSystem {
    let directory: TemporaryDirectory

    init(options: String = "size=1m") throws {
        directory = try TemporaryDirectory()
        guard mount("tmpfs", directory.path, "tmpfs", 0, options) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM)
        }
    }

    deinit {
        _ = umount2(directory.path, CInt(MNT_DETACH))
    }

    /// Mounting needs root and is not allowed in every container.
    static let isPossible = (try? SmallFileSystem()) != nil
}

@Suite("A full file system", .enabled(if: SmallFileSystem.isPossible), .timeLimit(.minutes(30)))
struct FullFileSystemTests {
    @Test("stops the write, leaves what is stored, and recovers by itself")
    func full() async throws {
        let disk = try SmallFileSystem()
        let archive = try LocalArchive(directory: disk.directory.path)
        let free = try await archive.spool.freeSpace().bytes
        #expect((900_000...1_048_576).contains(free))

        let small = try await archive.spool.receive(limit: .max)
        try await small.write(ByteBuffer(bytes: SamplePictures.png.bytes))
        let stored = try await archive.store(small)

        let large = try await archive.spool.receive(limit: .max)
        let failure = await #expect(throws: ArchiveError.self) {
            for _ in 0..<32 { try await large.write(ByteBuffer(repeating: 9, count: 65_536)) }
        }
        let error = try #require(failure)
        guard case .full(operation: .write, path: _) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(!error.isFatal)
        #expect(try await archive.spool.freeSpace().bytes < 65_536)
        await archive.spool.discard(large)
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.directory.path("incoming")) == [])
        #expect(try await archive.open(stored.hash).size == stored.bytes)

        #expect(try await archive.spool.freeSpace().bytes > 900_000)
        let next = try await archive.spool.receive(limit: .max)
        try await next.write(ByteBuffer(repeating: 9, count: 500_000))
        #expect(try await archive.store(next).bytes == 500_000)
        #expect(try await archive.spool.freeSpace().bytes < free - 490_000)
    }

    @Test("refused bytes can be written again once there is room, and every byte is there once")
    func again() async throws {
        let disk = try SmallFileSystem()
        let archive = try LocalArchive(directory: disk.directory.path)
        let ballast = disk.directory.path("ballast")
        try Data(count: 700_000).write(to: URL(filePath: ballast))

        let file = try await archive.spool.receive(limit: .max)
        let (first, second) = (ByteBuffer(repeating: 1, count: 150_001), ByteBuffer(repeating: 2, count: 400_003))
        try await file.write(first)
        await #expect(throws: ArchiveError.self) { try await file.write(second) }
        #expect(file.bytes == 150_001)
        try FileManager.default.removeItem(atPath: ballast)
        try await file.write(second)

        let stored = try await archive.store(file)
        let bytes = try await archive.open(stored.hash).read(at: 0, count: .max)
        #expect(Array(bytes.readableBytesView) == Array(first.readableBytesView) + Array(second.readableBytesView))
    }

    @Test("includes one without inodes: it reports how many files fit, and a write shows whether that is true")
    func inodes() async throws {
        let disk = try SmallFileSystem(options: "size=1m,nr_inodes=300")
        let archive = try LocalArchive(directory: disk.directory.path)
        let files = try #require(try await archive.spool.freeSpace().files)
        #expect((1..<300).contains(files))
        try await archive.spool.tryWriting(bytes: 65_536)
        for number in 0..<files {
            #expect(FileManager.default.createFile(atPath: disk.directory.path("ballast-\(number)"), contents: nil))
        }
        #expect(try await archive.spool.freeSpace().files == 0)
        #expect(try await archive.spool.freeSpace().bytes > 500_000)
        let error = await #expect(throws: ArchiveError.self) { try await archive.spool.tryWriting(bytes: 1) }
        guard case .full(operation: .create, path: _)? = error else {
            Issue.record("\(error as Any)")
            return
        }
    }

    @Test("fails a trial write, which leaves nothing behind")
    func trial() async throws {
        let disk = try SmallFileSystem()
        let archive = try LocalArchive(directory: disk.directory.path)
        try await archive.spool.tryWriting(bytes: 500_000)
        let error = await #expect(throws: ArchiveError.self) { try await archive.spool.tryWriting(bytes: 4 << 20) }
        guard case .full(operation: .write, path: _)? = error else {
            Issue.record("\(error as Any)")
            return
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.directory.path("incoming")) == [])
        #expect(try await archive.spool.freeSpace().bytes > 900_000)
    }

    @Test("without room for an index entry there is no start")
    func noStart() throws {
        let disk = try SmallFileSystem(options: "size=1m,nr_inodes=50")
        let error = #expect(throws: ArchiveError.self) { try LocalArchive(directory: disk.directory.path) }
        guard case .full(operation: .create, path: _)? = error else {
            Issue.record("\(error as Any)")
            return
        }
    }
}
