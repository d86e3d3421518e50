import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqHost

@Suite("The user database", .timeLimit(.minutes(30)))
struct UserDatabaseTests {
    @Test("knows root by number and by name, and nobody who is not there")
    func users() throws {
        let root = try #require(try UserDatabase.user(uid: 0))
        #expect(root == .init(uid: 0, name: "root", gid: 0))
        #expect(try UserDatabase.user(named: "root") == root)
        #expect(try UserDatabase.user(uid: 3_999_999_999) == nil)
        #expect(try UserDatabase.user(named: "no-such-user") == nil)
        #expect(try UserDatabase.user(named: "") == nil)
    }

    @Test("knows groups by name and number")
    func groups() throws {
        #expect(try UserDatabase.group(named: "root") == 0)
        #expect(try UserDatabase.group(named: "no-such-group") == nil)
        #expect(try UserDatabase.hasGroup(gid: 0))
        #expect(try !UserDatabase.hasGroup(gid: 3_999_999_999))
    }

    @Test("puts each user of this host in the groups that id(1) names")
    func membership() async throws {
        let directory = try TemporaryDirectory()
        for uid in [0, 1, 5] as [UInt32] {
            let user = try #require(try UserDatabase.user(uid: uid))
            let id = try ChildProcess(
                "id", ["-G", user.name], environment: ProcessInfo.processInfo.environment, directory: directory.path)
            try #require(await id.wait() == .exit(0))
            let groups = Set(id.output.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) })
            #expect(UserDatabase.groups(of: user) == groups, "\(user.name)")
        }
    }

    @Test("knows the primary group of a user without an entry in any other")
    func primary() {
        let user = UserDatabase.Entry(uid: 3_999_999_999, name: "no-such-user", gid: 4242)
        #expect(UserDatabase.groups(of: user) == [4242])
    }
}
