import FluxqArchive
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import FluxqControlServer

@Suite("Looks into the user database", .timeLimit(.minutes(30)))
struct KnownUsersTests {
    /// A user database that does not answer until it is told to.
    private final class HangingDatabase: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        private let asked = Mutex(0)

        var lookups: Int { asked.withLock { $0 } }

        func lookUp(_ uid: UInt32) -> KnownUsers.Entry? {
            asked.withLock { $0 += 1 }
            gate.wait()
            gate.signal()
            return KnownUsers.Entry(name: "user-\(uid)", groups: [])
        }

        func answer() { gate.signal() }
    }

    @Test("that hang hold up nobody else: the archive goes on, and each user is looked for once")
    func hanging() async throws {
        let database = HangingDatabase()
        let users = KnownUsers { database.lookUp($0) }
        let directory = try TemporaryDirectory()
        let archive = try Archive(directory: directory.path)
        let entries = await withTaskGroup(of: KnownUsers.Entry.self) { group in
            // Many more than the host has cores, and each from many connections.
            for number in 0..<256 { group.addTask { await users.entry(of: UInt32(number % 64)) } }
            // What a claim and an upload ask of the archive.
            do {
                for _ in 0..<32 {
                    _ = try await archive.freeSpace()
                    let file = try await archive.receive(limit: .max)
                    try await file.write(ByteBuffer(bytes: SamplePictures.png.bytes))
                    _ = try await archive.storePicture(file)
                }
                _ = try await NIOThreadPool.singleton.runIfActive { true }
            } catch {
                Issue.record(error)
            }
            database.answer()
            return await group.reduce(into: Set<KnownUsers.Entry>()) { $0.insert($1) }
        }
        #expect(entries.count == 64)
        #expect(database.lookups == 64)
    }

    @Test("that fail leave a user a number without groups")
    func failing() async throws {
        struct Failure: Error {}
        let users = KnownUsers { _ in throw Failure() }
        #expect(await users.entry(of: 4711) == KnownUsers.Entry(name: "4711", groups: []))
    }
}
