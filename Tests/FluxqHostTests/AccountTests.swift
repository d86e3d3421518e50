import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqHost

@Suite("A uid", .timeLimit(.minutes(30)))
struct AccountTests {
    @Test("is somebody's subordinate where subuid(5) grants it, by name or number, in any notation")
    func ranges() {
        let ranges = SubordinateRanges(
            """
            # comment
            alice:100000:65536
            1001:0x40000:0x10
            carol:0200000:1
            root:1000000:1000000000
            0:900000:10
            2000:2000:1
            :300000:10
            broken:400000
            broken:-1:5
            broken:x:5
            bob:165535:2
            """)
        let table: [(UInt32, [String])] = [
            (99999, []), (100_000, ["alice"]), (165_534, ["alice"]), (165_535, ["alice", "bob"]), (165_536, ["bob"]),
            (165_537, []), (0x40000, ["1001"]), (0x4000F, ["1001"]), (0x40010, []), (0o200000, ["carol"]),
            (1_000_000, []), (900_000, []), (2000, []), (300_000, []), (400_000, []), (.max, []), (0, []),
        ]
        for (uid, owners) in table { #expect(ranges.owners(of: uid) == owners, "\(uid)") }
    }

    @Test("in a range that ends beyond all uids is found, and overflows nothing")
    func longRange() {
        let ranges = SubordinateRanges("alice:4294967000:18446744073709551615\nbob:18446744073709551615:2\n")
        #expect(ranges.owners(of: .max) == ["alice"])
        #expect(ranges.owners(of: 1) == [])
    }

    @Test("is a user only if it has an entry and is no other's subordinate or a service's for a while")
    func kinds() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("subuid")
        try "games:1:1\ndaemon:1:1\nalice:3999999900:50\nnobody:61184:10\n".write(
            toFile: file, atomically: true, encoding: .utf8)
        let table = SubordinateTable(file)
        func account(_ uid: UInt32) throws -> Account { try Account.of(uid: uid, subordinates: table) }
        // A known uid that another user may take on is that user as much as its own.
        #expect(try account(1) == .subordinate(of: "games"))
        let bin = try #require(try UserDatabase.user(uid: 2))
        #expect(try account(2) == .user(bin, groups: [2]))
        #expect(try account(3_999_999_900) == .subordinate(of: "alice"))
        #expect(try account(3_999_999_950) == .unknown)
        for uid in [61184, 61999, 65519] as [UInt32] { #expect(try account(uid) == .dynamic) }
        for uid in [61183, 65520] as [UInt32] { #expect(try account(uid) == .unknown) }
        guard case .user(let root, _) = try account(0) else { throw CocoaError(.coderInvalidValue) }
        #expect(root.name == "root")
    }

    @Test("that a range grants to its own name stays itself, and nothing is granted by a file that is not there")
    func ownRange() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("subuid")
        let table = SubordinateTable(file)
        #expect(try Account.of(uid: 3_999_999_999, subordinates: table) == .unknown)
        try "daemon:1:1\nroot:2:1\n".write(toFile: file, atomically: true, encoding: .utf8)
        for uid in [1, 2] as [UInt32] {
            guard case .user = try Account.of(uid: uid, subordinates: table) else {
                Issue.record("\(uid) is no user")
                continue
            }
        }
    }

    @Test("cannot be told while the ranges cannot be read")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        let table = SubordinateTable(directory.path)
        #expect(throws: UserDatabase.Failure.self) { try Account.of(uid: 1, subordinates: table) }
    }
}
