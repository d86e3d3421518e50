import Crypto
import FluxqControl
import FluxqHost
import FluxqModel
import FluxqTestSupport
import Foundation
import SystemPackage
import Testing

@testable import FluxqCommands

@Suite("Putting pictures into a directory")
struct OutputDirectoryTests {
    private let home: TemporaryDirectory
    private let picture = Data("a picture".utf8)

    init() throws {
        home = try TemporaryDirectory()
    }

    private func save(
        _ content: Data? = nil, as name: String = "42-1.png", in path: String? = nil,
        write: ((Int32) async throws -> Void)? = nil
    ) async throws -> String {
        let directory = try await OutputDirectory.open(BytePath(path ?? home.path))
        defer { directory.close() }
        let content = content ?? picture
        return try await directory.save(
            name, hash: ContentHash(digest: Array(SHA256.hash(data: content))), bytes: Int64(content.count)
        ) { descriptor in
            if let write { return try await write(descriptor) }
            try FileHandle(fileDescriptor: descriptor).write(contentsOf: content)
        }.text
    }

    private func names(_ path: String? = nil) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path ?? home.path).sorted()
    }

    @Test("a picture gets its name and the mode of the umask, and no other file is left")
    func fresh() async throws {
        let path = try await save()
        #expect(path == home.path("42-1.png"))
        #expect(FileManager.default.contents(atPath: path) == picture)
        #expect(try names() == ["42-1.png"])
        // `umask` can only be read by setting it, and all tests of this process share it.
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let mask = try #require(status.firstMatch(of: /Umask:\s+([0-7]+)/).flatMap { Int($0.1, radix: 8) })
        let mode = try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
        #expect(mode == Int(0o666 & ~mask))
    }

    @Test("a missing directory is made, its parent is not")
    func makesDirectory() async throws {
        #expect(try await save(in: home.path("results/")) == home.path("results/") + "42-1.png")
        let error = await #expect(throws: DestinationError.self) { try await save(in: home.path("no/where")) }
        #expect(error == .directory(path: BytePath(home.path("no/where")), .noSuchFileOrDirectory))
        #expect(error.map { CommandFailure($0).status } == .noInput)
    }

    @Test("if the same picture is already there, nothing is fetched")
    func same() async throws {
        _ = try await save()
        let path = try await save { _ in Issue.record("was fetched again") }
        #expect(path == home.path("42-1.png"))
    }

    @Test("another file is never overwritten, of the same size or not", arguments: ["not that one", "A PICTURE"])
    func different(content: String) async throws {
        try Data(content.utf8).write(to: URL(filePath: home.path("42-1.png")))
        let error = await #expect(throws: DestinationError.self) {
            try await save { _ in Issue.record("was fetched for nothing") }
        }
        #expect(error == .different(path: BytePath(home.path("42-1.png"))))
        #expect(error.map { CommandFailure($0).status } == .badInput)
        #expect(FileManager.default.contents(atPath: home.path("42-1.png")) == Data(content.utf8))
        #expect(try names() == ["42-1.png"])
    }

    @Test("a file that appears while the picture is fetched is not overwritten either")
    func race() async throws {
        let path = home.path("42-1.png")
        let error = await #expect(throws: DestinationError.self) {
            try await save { descriptor in
                try Data("mine".utf8).write(to: URL(filePath: path))
                try FileHandle(fileDescriptor: descriptor).write(contentsOf: picture)
            }
        }
        #expect(error == .different(path: BytePath(path)))
        #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
        #expect(try names() == ["42-1.png"])
    }

    @Test("two that fetch the same picture at once both succeed")
    func sameRace() async throws {
        let path = try await save { descriptor in
            try picture.write(to: URL(filePath: home.path("42-1.png")))
            try FileHandle(fileDescriptor: descriptor).write(contentsOf: picture)
        }
        #expect(path == home.path("42-1.png"))
        #expect(try names() == ["42-1.png"])
    }

    @Test("a symbolic link is not followed, wherever it leads", arguments: [true, false])
    func symbolicLink(toTheSame: Bool) async throws {
        let target = home.path("target")
        if toTheSame { try picture.write(to: URL(filePath: target)) }
        try FileManager.default.createSymbolicLink(atPath: home.path("42-1.png"), withDestinationPath: target)
        let error = await #expect(throws: DestinationError.self) { try await save() }
        #expect(error == .symbolicLink(path: BytePath(home.path("42-1.png"))))
        #expect(FileManager.default.fileExists(atPath: target) == toTheSame)
    }

    @Test("anything but a file is left alone")
    func notAFile() async throws {
        try FileManager.default.createDirectory(atPath: home.path("42-1.png"), withIntermediateDirectories: false)
        #expect(
            await #expect(throws: DestinationError.self) { try await save() }
                == .notAFile(path: BytePath(home.path("42-1.png"))))
        #expect(mkfifo(home.path("43-1.png"), 0o600) == 0)
        let error = await #expect(throws: DestinationError.self) { try await save(as: "43-1.png") }
        #expect(error == .notAFile(path: BytePath(home.path("43-1.png"))))
    }

    @Test("a picture that arrives damaged gets no name", arguments: ["a pictur", "b picture", ""])
    func damaged(content: String) async throws {
        let error = await #expect(throws: DestinationError.self) {
            try await save { try FileHandle(fileDescriptor: $0).write(contentsOf: Data(content.utf8)) }
        }
        #expect(error == .damaged(path: BytePath(home.path("42-1.png"))))
        #expect(try names() == [])
    }

    @Test("a fetch that fails in the middle leaves nothing behind")
    func interrupted() async throws {
        struct Cut: Error {}
        await #expect(throws: Cut.self) { try await save { _ in throw Cut() } }
        #expect(try names() == [])
    }
}
