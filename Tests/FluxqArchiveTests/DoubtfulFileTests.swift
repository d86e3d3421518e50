import FluxqTestSupport
import Foundation
import NIOCore
import Testing

@testable import FluxqArchive

@Suite("A file whose sync failed because the disk was full")
struct DoubtfulFileTests {
    private func received(_ bytes: [UInt8]) async throws -> (TemporaryDirectory, IncomingFile, path: String) {
        let directory = try TemporaryDirectory()
        let archive = try LocalArchive(directory: directory.path)
        let file = try await archive.spool.receive(limit: .max)
        try await file.write(ByteBuffer(bytes: bytes))
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: directory.path("incoming")).first)
        return (directory, file, directory.path("incoming/\(name)"))
    }

    @Test("is written again, byte for byte, before it is synced again")
    func again() async throws {
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let (directory, file, path) = try await received(bytes)
        defer { withExtendedLifetime(directory) {} }
        let before = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        file.markDoubtful()
        _ = try file.contents()
        #expect(Array(try Data(contentsOf: URL(filePath: path))) == bytes)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date != before)
    }

    @Test("ends the daemon if the kernel has lost bytes that it accepted")
    func lost() async throws {
        let (directory, file, path) = try await received([UInt8](repeating: 1, count: 100_000))
        defer { withExtendedLifetime(directory) {} }
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.seek(toOffset: 70_000)
        try handle.write(contentsOf: Data([0, 0, 0]))
        try handle.close()
        file.markDoubtful()
        let error = #expect(throws: ArchiveError.self) { try file.contents() }
        #expect(error?.isFatal == true)
    }
}
