import FluxqFormats
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import SystemPackage
import Testing

@testable import FluxqArchive

@Suite("The archive of this host", .timeLimit(.minutes(30)))
struct LocalArchiveTests {
    private let directory: TemporaryDirectory
    private let archive: LocalArchive
    private let files = FileManager.default

    init() throws {
        directory = try TemporaryDirectory()
        archive = try LocalArchive(directory: directory.path)
    }

    private func store(_ bytes: [UInt8]) async throws -> StoredObject {
        let file = try await archive.spool.receive(limit: 1 << 24)
        try await file.write(ByteBuffer(bytes: bytes))
        return try await archive.store(file)
    }

    private func path(_ hash: ContentHash) -> String {
        directory.path("objects/sha256/\(hash.hex.prefix(2))/\(hash.hex)")
    }

    private func mode(_ path: String) throws -> Int? {
        (try files.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    }

    private func incoming() throws -> [String] {
        try files.contentsOfDirectory(atPath: directory.path("incoming"))
    }

    @Test("creates its directories for its user alone, and finds them at the next start")
    func directories() throws {
        let buckets = try files.contentsOfDirectory(atPath: directory.path("objects/sha256")).sorted()
        #expect(buckets.count == 256)
        #expect(buckets.first == "00" && buckets.last == "ff")
        for name in ["incoming", "objects", "objects/sha256", "objects/sha256/a7"] {
            #expect(try mode(directory.path(name)) == 0o700)
        }
        _ = try LocalArchive(directory: directory.path)
    }

    @Test("empties incoming/ at start, and touches nothing else")
    func leftovers() async throws {
        let stored = try await store(SamplePictures.png.bytes)
        #expect(files.createFile(atPath: directory.path("incoming/half a picture"), contents: Data([1, 2])))
        try files.createDirectory(atPath: directory.path("incoming/directory"), withIntermediateDirectories: false)
        _ = try LocalArchive(directory: directory.path)
        #expect(try incoming() == [])
        #expect(files.fileExists(atPath: path(stored.hash)))
    }

    @Test("a state directory that is missing is named")
    func noDirectory() {
        let error = #expect(throws: ArchiveError.self) { try LocalArchive(directory: directory.path("none")) }
        #expect(error?.description.contains(directory.path("none")) == true)
        #expect(error?.isFatal == false)
    }

    @Test("stores a picture as a read-only file that its hash names", arguments: SamplePictures.all)
    func picture(_ sample: SamplePicture) async throws {
        let incomingFile = try await archive.spool.receive(limit: .max)
        try await incomingFile.write(ByteBuffer(bytes: sample.bytes))
        #expect(try await archive.spool.inspect(incomingFile) == .success(sample.info))
        let stored = try await archive.storePicture(incomingFile).get()
        #expect(try mode(path(stored.hash)) == 0o400)
        #expect(try Data(contentsOf: URL(filePath: path(stored.hash))) == Data(sample.bytes))
        #expect(try incoming() == [])
    }

    @Test("accepts no byte over the limit; the bytes before it stay")
    func limit() async throws {
        let file = try await archive.spool.receive(limit: 10)
        try await file.write(ByteBuffer(repeating: 1, count: 10))
        await #expect(throws: ArchiveError.tooLarge(limit: 10)) {
            try await file.write(ByteBuffer(repeating: 1, count: 1))
        }
        #expect(file.bytes == 10)
        #expect(try await archive.store(file).bytes == 10)
        #expect(try incoming() == [])
    }

    @Test("a discarded file is removed; so is one whose last reference goes")
    func discarded() async throws {
        let file = try await archive.spool.receive(limit: 10)
        try await file.write(ByteBuffer(repeating: 1, count: 10))
        #expect(try incoming().count == 1)
        await archive.spool.discard(file)
        #expect(try incoming() == [])
        await #expect(throws: ArchiveError.self) { try await archive.store(file) }

        try await (archive.spool.receive(limit: 10)).write(ByteBuffer(repeating: 1, count: 10))
        // The writing thread may hold the last reference a moment longer; the time limit ends this test if it is never
        // released.
        try await Observation.wait { try incoming().isEmpty }
    }

    @Test("the same content from concurrent callers is one file")
    func concurrentStores() async throws {
        let bytes = SamplePictures.avif.bytes
        let hashes = try await withThrowingTaskGroup(of: ContentHash.self) { group in
            for _ in 0..<64 { group.addTask { try await store(bytes).hash } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        let hash = try #require(hashes.first)
        #expect(hashes.count == 1)
        #expect(
            try files.contentsOfDirectory(atPath: directory.path("objects/sha256/\(hash.hex.prefix(2))")) == [hash.hex])
        #expect(try Data(contentsOf: URL(filePath: path(hash))) == Data(bytes))
        #expect(try incoming() == [])
    }

    @Test("a file that arrived slowly is young once it is stored")
    func young() async throws {
        let file = try await archive.spool.receive(limit: 10)
        let name = try #require(try incoming().first)
        try files.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -9000)], ofItemAtPath: directory.path("incoming/\(name)"))
        let hash = try await archive.store(file).hash
        #expect(try await archive.remove(hash, olderThan: .seconds(3600)) == false)
    }

    @Test("errors contain a remedy, and some are fatal")
    func errors() {
        let full = ArchiveError(.write, "/x", errno: .noSpace)
        #expect(full == .full(operation: .write, path: "/x"))
        #expect(ArchiveError(.sync, "/x", errno: .diskQuotaExceeded) == .full(operation: .sync, path: "/x"))
        #expect(!full.isFatal && full.description.contains("free disk space"))
        #expect(ArchiveError(.sync, "/x", errno: .ioError).isFatal)
        #expect(ArchiveError(.write, "/x", errno: .ioError).isFatal)
        #expect(!ArchiveError(.read, "/x", errno: .ioError).isFatal)
        #expect(!ArchiveError(.sync, "/x", errno: .readOnlyFileSystem).isFatal)
        #expect(
            ArchiveError(.rename, "/x", errno: .permissionDenied).description.contains(
                "/x: Permission denied; the user"))
    }
}
