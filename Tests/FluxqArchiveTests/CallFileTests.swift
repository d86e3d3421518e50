import FluxqFormats
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import Testing

@testable import FluxqArchive

@Suite("Files of an answer before it is recorded", .timeLimit(.minutes(30)))
struct CallFileTests {
    private static let hash = String(repeating: "0a", count: 32)

    private let directory: TemporaryDirectory
    private let call = CallID(job: JobID(rawValue: 7), attempt: 2)

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func incoming() throws -> [String] {
        try directory.incoming().sorted()
    }

    private func path(_ hash: ContentHash) -> String {
        directory.path("objects/sha256/\(hash.hex.prefix(2))/\(hash.hex)")
    }

    private func receive(_ bytes: [UInt8], by archive: LocalArchive) async throws -> IncomingFile {
        let file = try await archive.spool.receive(limit: .max)
        try await file.write(ByteBuffer(bytes: bytes))
        return file
    }

    @Test(
        "a name identifies its call, and other names are rejected",
        arguments: [
            ("7-1.answer", true), ("9223372036854775807-12.answer", true), ("7-1-0-\(hash)", true),
            ("7-1-15-\(hash).broken", true),
            // The names of temporary files, and names that fluxq never writes.
            ("0123456789abcdef0123456789abcdef", false), ("", false), (".", false), ("7", false), ("7-1", false),
            ("7-1.txt", false), ("7-1.answer.answer", false), ("07-1.answer", false), ("+7-1.answer", false),
            ("0-1.answer", false), ("7-0.answer", false), ("7--1.answer", false), ("7-1-0.answer", false),
            ("7-1-0-\(hash).whole", false), ("7-1-0-\(hash.uppercased())", false), ("7-1-0-\(hash)a", false),
            ("7-1--1-\(hash)", false), ("7-1-01-\(hash)", false), ("7-1-0-\(hash)-0", false),
            ("9223372036854775808-1.answer", false),
        ])
    func names(_ name: String, isOfACall: Bool) {
        let file = CallFile(name: name)
        #expect((file != nil) == isOfACall)
        if let file { #expect(file.name == name) }
    }

    @Test("a picture that has the name of its call outlives the process; one whose text has not ended is removed")
    func outlives() async throws {
        do {
            let archive = try LocalArchive(directory: directory.path)
            let whole = try await receive(SamplePictures.png.bytes, by: archive)
            try await archive.spool.keep(whole, of: call, ordinal: 0, isValid: true)
            let broken = try await receive(Array("half a pict".utf8), by: archive)
            try await archive.spool.keep(broken, of: call, ordinal: 1, isValid: false)
            try await archive.spool.note(Array("what it says".utf8), of: call)
            let partial = try await receive([1, 2], by: archive)
            #expect(try incoming().count == 4)
            // As at the end of the process: releasing a file with its call's name removes nothing.
            await archive.spool.discard(whole)
            _ = (broken, partial)
        }
        let next = try LocalArchive(directory: directory.path)
        #expect(try incoming().count == 3)
        let left = try #require(next.spool.leftAnswers.first)
        #expect(next.spool.leftAnswers.count == 1 && left.call == call)
        #expect(left.pictures.map(\.ordinal) == [0, 1] && left.pictures.map(\.isValid) == [true, false])
        #expect(try await next.spool.note(of: call) == Array("what it says".utf8))

        let picture = try #require(try await next.spool.takeBack(left.pictures[0], of: call))
        let stored = try await next.storePicture(picture).get()
        #expect(FileManager.default.contents(atPath: path(stored.hash)) == Data(SamplePictures.png.bytes))
        let bytes = try #require(try await next.spool.takeBack(left.pictures[1], of: call))
        #expect(try await next.storePicture(bytes) == .failure(.notAPicture(looksLike: "text")))
        #expect(try await next.store(bytes).bytes == 11)
        try await next.spool.forget(call)
        #expect(try incoming() == [])
        #expect(try LocalArchive(directory: directory.path).spool.leftAnswers == [])
    }

    @Test("it keeps its name beside the stored file; the next process can store it again, then it is read-only")
    func storedTwice() async throws {
        let archive = try LocalArchive(directory: directory.path)
        let file = try await receive(SamplePictures.gif.bytes, by: archive)
        try await archive.spool.keep(file, of: call, ordinal: 0, isValid: true)
        let object = try await archive.store(file)
        #expect(try incoming() == ["7-2-0-\(object.hash.hex)"])

        let next = try LocalArchive(directory: directory.path)
        let again = try #require(try await next.spool.takeBack(next.spool.leftAnswers[0].pictures[0], of: call))
        #expect(try await next.store(again) == object)
        try await next.spool.forget(call)
        #expect(try incoming() == [])
        let attributes = try FileManager.default.attributesOfItem(atPath: path(object.hash))
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o400)
        #expect((attributes[.referenceCount] as? NSNumber)?.intValue == 1)
        #expect(
            try await next.open(object.hash).read(at: 0, count: 1 << 20) == ByteBuffer(bytes: SamplePictures.gif.bytes))
    }

    @Test("content that was removed as unused is stored again")
    func removedAsStray() async throws {
        let archive = try LocalArchive(directory: directory.path)
        let file = try await receive(SamplePictures.gif.bytes, by: archive)
        try await archive.spool.keep(file, of: call, ordinal: 0, isValid: true)
        let object = try await archive.store(file)
        let next = try LocalArchive(directory: directory.path)
        #expect(try await next.remove(object.hash, olderThan: .zero))
        let again = try #require(try await next.spool.takeBack(next.spool.leftAnswers[0].pictures[0], of: call))
        #expect(try await next.store(again) == object)
    }

    @Test(
        "bytes that do not match the name were not on the disk at a power cut: they are not used as a picture"
    )
    func powerCut() async throws {
        let archive = try LocalArchive(directory: directory.path)
        let file = try await receive(SamplePictures.jpeg.bytes, by: archive)
        try await archive.spool.keep(file, of: call, ordinal: 0, isValid: true)
        let name = try #require(try incoming().first)
        var bytes = SamplePictures.jpeg.bytes
        bytes[bytes.count / 2] ^= 0xFF
        try Data(bytes).write(to: URL(filePath: directory.path("incoming/\(name)")))
        let next = try LocalArchive(directory: directory.path)
        #expect(try await next.spool.takeBack(next.spool.leftAnswers[0].pictures[0], of: call) == nil)
    }

    @Test("a picture that is no result loses its name, and the other pictures keep theirs")
    func preview() async throws {
        let archive = try LocalArchive(directory: directory.path)
        for (ordinal, sample) in [SamplePictures.png, SamplePictures.gif].enumerated() {
            try await archive.spool.keep(receive(sample.bytes, by: archive), of: call, ordinal: ordinal, isValid: true)
        }
        try await archive.spool.forget(call, ordinal: 0)
        #expect(try LocalArchive(directory: directory.path).spool.leftAnswers.first?.pictures.map(\.ordinal) == [1])
    }

    @Test("a later note replaces an earlier one; a call without a note has none")
    func notes() async throws {
        let archive = try LocalArchive(directory: directory.path)
        #expect(try await archive.spool.note(of: call) == nil)
        try await archive.spool.note([1, 2, 3], of: call)
        try await archive.spool.note([4], of: call)
        #expect(try await archive.spool.note(of: call) == [4])
        #expect(try incoming() == ["7-2.answer"])
        try await archive.spool.forget(call)
        try await archive.spool.forget(call)
        #expect(try incoming() == [])
    }

    @Test("a note reuses the file of an obsolete one, and none of its bytes are left")
    func notesAgain() async throws {
        let archive = try LocalArchive(directory: directory.path)
        for length in [5000, 1, 9000, 0, 200] {
            let note = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            try await archive.spool.note(note, of: call)
            #expect(try await archive.spool.note(of: call) == note)
            try await archive.spool.forget(call)
            #expect(try await archive.spool.note(of: call) == nil)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path("incoming"))
        #expect(names.count == 1)
        // An administrator deletes the file.
        try FileManager.default.removeItem(atPath: directory.path("incoming/\(try #require(names.first))"))
        try await archive.spool.note([1], of: call)
        #expect(try await archive.spool.note(of: call) == [1])
        try await archive.spool.forget(call)
        let next = try LocalArchive(directory: directory.path)
        #expect(next.spool.leftAnswers == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("incoming")) == [])
    }

    @Test("a note that a power cut left incomplete, or with bytes of another call, is ignored")
    func notesAfterPowerCut() async throws {
        let archive = try LocalArchive(directory: directory.path)
        let other = CallID(job: JobID(rawValue: 8), attempt: 1)
        try await archive.spool.note([1, 2, 3], of: call)
        try await archive.spool.note([1, 2, 3], of: other)
        let note = try Data(contentsOf: URL(filePath: directory.path("incoming/8-1.answer")))
        for bytes in [note, note.dropLast(), Data(), Data(count: note.count), note + [0]] {
            try bytes.write(to: URL(filePath: directory.path("incoming/7-2.answer")))
            #expect(try await archive.spool.note(of: call) == nil)
        }
        #expect(try await archive.spool.note(of: other) == [1, 2, 3])
    }
}
