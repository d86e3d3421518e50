import FluxqArchive
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import FluxqControlServer

@Suite("Lookups in the user database", .timeLimit(.minutes(30)))
struct KnownUsersTests {

    private struct Failure: Error {}

    /// A user database that answers, fails, or hangs until it may answer.
    private final class Database: Sendable {
        private struct State {
            var standings: [UInt32: KnownUsers.Standing] = [:]
            var isFailing = false
            var gate: DispatchSemaphore?
            var lookups: [UInt32: Int] = [:]
        }

        private let state = Mutex(State())

        func set(_ uid: UInt32, _ standing: KnownUsers.Standing) { state.withLock { $0.standings[uid] = standing } }

        func fail(_ isFailing: Bool) { state.withLock { $0.isFailing = isFailing } }

        func hang() { state.withLock { $0.gate = DispatchSemaphore(value: 0) } }

        func answer() {
            state.withLock { state in
                defer { state.gate = nil }
                return state.gate
            }?.signal()
        }

        func lookups(_ uid: UInt32) -> Int { state.withLock { $0.lookups[uid, default: 0] } }

        var lookups: Int { state.withLock { $0.lookups.values.reduce(0, +) } }

        func lookUp(_ uid: UInt32) throws -> KnownUsers.Standing {
            let (gate, standing, fails) = state.withLock { state in
                state.lookups[uid, default: 0] += 1
                return (state.gate, state.standings[uid] ?? .unknown, state.isFailing)
            }
            if let gate {
                gate.wait()
                gate.signal()
            }
            if fails { throw Failure() }
            return standing
        }
    }

    /// Does not wait for answers.
    private static var none: KnownUsers.Patience {
        var patience = KnownUsers.Patience()
        (patience.known, patience.unknown) = (.zero, .zero)
        return patience
    }

    @Test("that hang block nothing else: the archive continues, and each user is looked up once")
    func hanging() async throws {
        let database = Database()
        let uids = UInt32(KnownUsers.mostLookups)
        for uid in 0..<uids { database.set(uid, .user(User(uid: uid, name: "user-\(uid)", groups: []))) }
        database.hang()
        let users = KnownUsers.patient { try database.lookUp($0) }
        let directory = try TemporaryDirectory()
        let archive = try LocalArchive(directory: directory.path)
        let standings = await withTaskGroup(of: KnownUsers.Standing?.self) { group in
            // Many more than the host has cores, and each on many connections.
            for number in 0..<4 * uids { group.addTask { await users.standing(of: number % uids) } }
            // The operations of a claim and an upload on the archive.
            do {
                for _ in 0..<32 {
                    _ = try await archive.spool.freeSpace()
                    let file = try await archive.spool.receive(limit: .max)
                    try await file.write(ByteBuffer(bytes: SamplePictures.png.bytes))
                    _ = try await archive.storePicture(file)
                }
                _ = try await NIOThreadPool.singleton.runIfActive { true }
            } catch {
                Issue.record(error)
            }
            database.answer()
            return await group.reduce(into: Set<KnownUsers.Standing?>()) { $0.insert($1) }
        }
        #expect(standings.count == Int(uids) && !standings.contains(nil))
        #expect(database.lookups == Int(uids))
    }

    @Test("leave the last known entry in use while one is running, and while they fail")
    func lastKnown() async throws {
        let database = Database()
        database.set(7, .user(User(uid: 7, name: "grace", groups: [70])))
        let users = KnownUsers.patient { try database.lookUp($0) }
        #expect(users.lastKnown(7) == nil)
        let grace = await users.standing(of: 7)
        #expect(grace == .user(User(uid: 7, name: "grace", groups: [70])))

        database.fail(true)
        users.forget()
        #expect(await users.standing(of: 7) == grace)
        #expect(users.lastKnown(7)?.name == "grace")
        // For a user that was never known, the answer is unknown.
        #expect(await users.standing(of: 8) == nil)
        database.fail(false)
        database.set(7, .user(User(uid: 7, name: "grace", groups: [])))
        users.forget()
        #expect(await users.standing(of: 7) == .user(User(uid: 7, name: "grace", groups: [])))
    }

    @Test("that hang are not waited for repeatedly: one lookup, and the last known entry immediately")
    func served() async throws {
        let database = Database()
        database.set(7, .user(User(uid: 7, name: "grace", groups: [70])))
        let users = KnownUsers(patience: Self.none) { try database.lookUp($0) }
        // The first lookup is not waited for either, but its answer arrives.
        try await Observation.wait { await users.standing(of: 7) != nil }
        let before = database.lookups(7)
        database.hang()
        users.forget()
        for _ in 0..<100 {
            #expect(await users.standing(of: 7) == .user(User(uid: 7, name: "grace", groups: [70])))
        }
        #expect(database.lookups(7) <= before + 1)
        #expect(await users.standing(of: 8) == nil)
        database.answer()
    }

    @Test("that began before a reload are repeated after it")
    func outdated() async throws {
        let database = Database()
        database.set(7, .user(User(uid: 7, name: "grace", groups: [70])))
        database.hang()
        let users = KnownUsers.patient { try database.lookUp($0) }
        async let standing = users.standing(of: 7)
        try await Observation.wait { database.lookups(7) > 0 }
        database.set(7, .user(User(uid: 7, name: "grace", groups: [])))
        users.forget()
        database.answer()
        #expect(await standing == .user(User(uid: 7, name: "grace", groups: [])))
    }

    @Test("reject an account that was deleted, and a subordinate uid of another user")
    func gone() async throws {
        let database = Database()
        database.set(7, .user(User(uid: 7, name: "grace", groups: [])))
        let users = KnownUsers.patient { try database.lookUp($0) }
        _ = await users.standing(of: 7)
        for standing in [KnownUsers.Standing.unknown, .subordinate(of: "mallory"), .dynamic] {
            database.set(7, standing)
            users.forget()
            #expect(await users.standing(of: 7) == standing)
            #expect(users.lastKnown(7) == nil)
        }
    }

    @Test("of thousands of strangers displace no known user")
    func strangers() async throws {
        let database = Database()
        database.set(7, .user(User(uid: 7, name: "grace", groups: [])))
        let users = KnownUsers.patient { try database.lookUp($0) }
        _ = await users.standing(of: 7)
        for uid in 100_000..<103_000 { #expect(await users.standing(of: UInt32(uid)) == .unknown) }
        #expect(users.lastKnown(7)?.name == "grace")
    }

    @Test("are limited in number, and known users are still served")
    func many() async throws {
        let database = Database()
        database.set(7, .user(User(uid: 7, name: "grace", groups: [])))
        let users = KnownUsers.patient { try database.lookUp($0) }
        _ = await users.standing(of: 7)
        database.hang()
        users.forget()
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Ends the waiting tasks, even if an expectation fails.
            defer { database.answer() }
            for uid in 0..<UInt32(KnownUsers.mostLookups) {
                group.addTask { _ = await users.standing(of: 100_000 + uid) }
            }
            try await Observation.wait { database.lookups >= 1 + KnownUsers.mostLookups }
            #expect(await users.standing(of: 200_000) == nil)
            #expect(await users.standing(of: 7) == .user(User(uid: 7, name: "grace", groups: [])))
        }
    }
}
