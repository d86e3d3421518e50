import FluxqTestSupport
import NIOCore
import Synchronization
import Testing

@testable import FluxqImagesAPI

@Suite("All addresses of a host are tried", .timeLimit(.minutes(30)))
struct AddressRaceTests {
    private struct Unreachable: Error {}

    private static func address(_ text: String) throws -> SocketAddress {
        try SocketAddress(ipAddress: text, port: 443)
    }

    @Test("the two address families alternate, and the first address stays first")
    func turns() throws {
        let all = try ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"].map(Self.address)
        #expect(AddressRace.inTurn(all) == [all[0], all[3], all[1], all[4], all[2]])
        #expect(AddressRace.inTurn([]).isEmpty)
    }

    @Test("after a failure the next address is tried at once, and the first that connects wins")
    func failures() async throws {
        let all = try (1...6).map { try Self.address("192.0.2.\($0)") }
        let tried = Mutex<[SocketAddress]>([])
        let winner = try await AddressRace.winner(among: all, stagger: .seconds(3600)) { address in
            tried.withLock { $0.append(address) }
            if address != all[4] { throw Unreachable() }
        }
        #expect(winner == all[4])
        #expect(tried.withLock { $0 } == Array(all[...4]))
    }

    @Test("an address that never answers does not delay the next")
    func silence() async throws {
        let all = try (1...3).map { try Self.address("192.0.2.\($0)") }
        let winner = try await AddressRace.winner(among: all, stagger: .milliseconds(1)) { address in
            guard address != all[2] else { return }
            // This connection never answers; only the end of the race ends it.
            let (nothing, continuation) = AsyncStream<Void>.makeStream()
            for await _ in nothing {}
            continuation.finish()
            throw CancellationError()
        }
        #expect(winner == all[2])
    }

    @Test("if no address can be reached, the first failure is thrown")
    func none() async throws {
        let all = try (1...3).map { try Self.address("192.0.2.\($0)") }
        await #expect(throws: Unreachable.self) {
            try await AddressRace.winner(among: all, stagger: .seconds(3600)) { _ in throw Unreachable() }
        }
    }

    @Test("a real connection wins over a closed port, and a race that is over leaves nothing behind")
    func probe() async throws {
        let server = try await RawServer(.answer(""))
        let closed = try ClosedPort()
        defer { withExtendedLifetime(closed) {} }
        let all = try [closed.number, server.port].map { try SocketAddress(ipAddress: "127.0.0.1", port: $0) }
        #expect(try await AddressRace.winner(among: all).port == server.port)
        try await server.shutdown()
    }
}
