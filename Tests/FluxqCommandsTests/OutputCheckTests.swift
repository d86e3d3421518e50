import FluxqTestSupport
import Foundation
import SystemPackage
import Testing

@testable import FluxqCommands

@Suite("Whether a result can be written")
struct OutputCheckTests {
    private func failure(_ path: String, _ flags: Int32) throws -> Errno? {
        let descriptor = open(path, flags, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        return OutputCheck.failure(of: descriptor)
    }

    @Test("a file, a device and a pipe are fine, and nothing is written to them")
    func fine() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("file")
        try Data("before".utf8).write(to: URL(filePath: file))
        for flags in [O_WRONLY, O_RDWR, O_WRONLY | O_APPEND] { #expect(try failure(file, flags) == nil) }
        #expect(try Data(contentsOf: URL(filePath: file)) == Data("before".utf8))
        #expect(try failure("/dev/null", O_WRONLY) == nil)
        let pipe = Pipe()
        #expect(OutputCheck.failure(of: pipe.fileHandleForWriting.fileDescriptor) == nil)
    }

    @Test("an output that cannot be written is reported")
    func wrong() throws {
        let directory = try TemporaryDirectory()
        try Data("x".utf8).write(to: URL(filePath: directory.path("file")))
        #expect(try failure("/dev/full", O_WRONLY) == .noSpace)
        #expect(try failure(directory.path("file"), O_RDONLY) == .badFileDescriptor)
        #expect(OutputCheck.failure(of: -1) == .badFileDescriptor)
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        #expect(OutputCheck.failure(of: pipe.fileHandleForWriting.fileDescriptor) == .brokenPipe)
    }

    @Test("a full file system has no room", .enabled(if: SmallFileSystem.isPossible))
    func full() throws {
        let directory = try TemporaryDirectory()
        let small = try SmallFileSystem(on: directory.path("small"), options: "size=64k")
        try Data().write(to: URL(filePath: directory.path("small/ids")))
        try small.fill()
        #expect(try failure(directory.path("small/ids"), O_WRONLY | O_APPEND) == .noSpace)
        small.empty()
        #expect(try failure(directory.path("small/ids"), O_WRONLY | O_APPEND) == nil)
    }
}
