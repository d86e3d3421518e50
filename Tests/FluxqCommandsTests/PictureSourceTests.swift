import FluxqControl
import FluxqControlClient
import FluxqHost
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqCommands

@Suite("The value of --image")
struct PictureSourceTests {
    static let hash = "sha256:" + String(repeating: "0", count: 64)

    @Test(
        "a file, standard input, or something to be passed on",
        arguments: [
            ("photo.jpg", PictureArgument.file(BytePath("photo.jpg"))), ("-", .standardInput),
            ("./-", .file(BytePath("./-"))),
            ("http://h/x", .reference("http://h/x")), ("HTTPS://h/x", .reference("HTTPS://h/x")),
            ("data:image/png;base64,AA==", .reference("data:image/png;base64,AA==")), (hash, .reference(hash)),
            ("sha256:short", .file(BytePath("sha256:short"))), ("ftp://h/x", .file(BytePath("ftp://h/x"))),
            ("", .file(BytePath(""))),
        ])
    func kinds(argument: String, source: PictureArgument) {
        #expect(PictureArgument(argument: BytePath(argument)) == source)
    }

    private func status(_ path: String) async -> FluxqCommands.ExitStatus? {
        do {
            try await OpenPicture.open(.file(BytePath(path)))?.close()
            return nil
        } catch {
            return CommandFailure(any: error).status
        }
    }

    @Test("an input that cannot be a picture is refused before anything is sent")
    func refused() async throws {
        let directory = try TemporaryDirectory()
        #expect(await status(directory.path("missing.png")) == .noInput)
        #expect(await status("") == .noInput)
        #expect(await status(directory.path) == .noInput)
        try Data().write(to: URL(filePath: directory.path("empty.png")))
        #expect(await status(directory.path("empty.png")) == .badInput)
    }

    @Test("a file is sent with its size, a pipe without")
    func opened() async throws {
        let directory = try TemporaryDirectory()
        try Data("123".utf8).write(to: URL(filePath: directory.path("a.png")))
        let file = try #require(try await OpenPicture.open(.file(BytePath(directory.path("a.png")))))
        #expect(file.source.sizeBytes == 3)
        file.close()

        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data("123".utf8))
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        let stream = try #require(try await OpenPicture.open(.file(BytePath(path))))
        #expect(stream.source.sizeBytes == nil)
        stream.close()
        #expect(try await OpenPicture.open(.reference("https://h/x"))?.source.descriptor == nil)
    }
}
