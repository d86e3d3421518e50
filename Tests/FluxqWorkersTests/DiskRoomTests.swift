import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWords
import NIOCore
import Testing

@testable import FluxqWorkers

@Suite("Room on the disk", .enabled(if: SmallFileSystem.isPossible), .timeLimit(.minutes(30)))
struct DiskRoomTests {
    private func shortage(of fixture: WorkersFixture) async throws -> Shortage {
        while true {
            let seen = fixture.store.signal.count
            let overview = try await fixture.store.queue(of: WorkersFixture.alice)
            if let shortage = overview.gate.shortage { return shortage }
            _ = await fixture.store.signal.change(of: .calls, after: seen)
        }
    }

    @Test("includes inodes: if none are left, no call begins, and the message tells why")
    func inodes() async throws {
        let directory = try TemporaryDirectory()
        // Inodes for the archive's 256 directories, and for fewer than four pictures with 16 spare files.
        let disk = try SmallFileSystem(on: directory.path, options: "size=1g,nr_inodes=280")
        defer { withExtendedLifetime(disk) {} }
        let fixture = try WorkersFixture(in: directory)
        try await fixture.run { _ in
            let id = try await fixture.submit("first")
            let shortage = try await shortage(of: fixture)
            #expect(shortage.cause.words.contains("free inodes (df -i)"))
            #expect(try await fixture.store.job(id, uid: WorkersFixture.alice.uid)?.lifecycle.attempt == 0)
        }
    }

    /// 64 MiB hold the database's 16 MiB, and six pictures of 8 MiB minus the database's actual size: four of the next
    /// call, and one more.
    @Test("is reserved for each picture that waits to be downloaded, so that no call buys pictures without room")
    func pendingPictures() async throws {
        let directory = try TemporaryDirectory()
        let disk = try SmallFileSystem(on: directory.path, options: "size=64m")
        defer { withExtendedLifetime(disk) {} }
        let fixture = try WorkersFixture(in: directory, { $0.maxPictureBytes = 8 << 20 })
        try await fixture.run { _ in
            var ids: [JobID] = []
            for name in ["first", "second", "third"] {
                ids.append(try await fixture.submit(name))
                guard name != "third" else { break }
                let call = try #require(await fixture.api.nextCall())
                #expect(call.prompt == name)
                call.answer(WorkersFixture.answered([.init(link: "https://files.example/\(name)")]))
                _ = try await fixture.job(ids[ids.count - 1]) { $0.pictures.count == 1 }
            }
            let downloads = [
                try #require(await fixture.api.nextDownload()), try #require(await fixture.api.nextDownload()),
            ]
            _ = try await shortage(of: fixture)
            #expect(try await fixture.store.job(ids[2], uid: WorkersFixture.alice.uid)?.lifecycle.attempt == 0)

            try await #require(downloads[0].sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            downloads[0].answer(.complete)
            let call = try #require(await fixture.api.nextCall())
            #expect(call.prompt == "third")
            call.answer(CallReport(outcome: .rejected(APIError(message: "no"))))
            downloads[1].answer(.impossible(message: "ftp"))
            for id in ids { _ = try await fixture.end(of: id) }
        }
    }
}
