import FluxqHost
import FluxqTestSupport
import NIOCore
import NIOPosix
import Testing

@testable import FluxqControlServer

@Suite("The state of a connection", .timeLimit(.minutes(30)))
struct ConnectionStateTests {
    private enum Kind: CaseIterable {
        case socket, port
    }

    /// Accepts one connection and passes its state and both ends to `body`.
    private func run(
        _ kind: Kind, _ body: (ConnectionState, _ client: any Channel, _ server: any Channel) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let (accepted, coming) = AsyncStream<(ConnectionState, any Channel)>.makeStream()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                let entrance = kind == .socket ? Entrance.socket : .port(LoopbackAddress(.v6, port: 1))
                let state = ConnectionState(of: Peer(uid: nil, entrance: entrance, connection: nil))
                coming.yield((state, channel))
                return channel.pipeline.addHandler(state.watch)
            }
        let listener: any Channel
        switch kind {
        case .socket: listener = try await bootstrap.bind(unixDomainSocketPath: directory.path("s")).get()
        case .port: listener = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
        }
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(to: try #require(listener.localAddress)).get()
        var connections = accepted.makeAsyncIterator()
        let (state, server) = try #require(await connections.next())
        try await body(state, client, server)
        // Either may be closed already.
        for channel in [client, server, listener] {
            channel.close(promise: nil)
            try await channel.closeFuture.get()
        }
    }

    @Test(
        "says that the client has closed its sending side, which at a port counts as leaving", arguments: Kind.allCases)
    private func halfClosed(kind: Kind) async throws {
        try await run(kind) { state, client, server in
            #expect(!state.clientClosedItsSide)
            async let first: Void = state.clientStopsSending()
            async let second: Void = state.clientStopsSending()
            async let left: Void = state.clientLeaves()
            try await client.close(mode: .output).get()
            _ = await (first, second)
            #expect(state.clientClosedItsSide && server.isActive)
            if kind == .socket { try await client.close().get() }
            await left
        }
    }

    @Test("says that the client has closed the connection", arguments: Kind.allCases)
    private func closed(kind: Kind) async throws {
        try await run(kind) { state, client, _ in
            async let stopped: Void = state.clientStopsSending()
            async let left: Void = state.clientLeaves()
            try await client.close().get()
            _ = await (stopped, left)
            #expect(state.clientClosedItsSide)
            // Who asks late learns it too.
            await state.clientStopsSending()
        }
    }

    @Test("ends a wait of a task that is canceled, and no other wait")
    func canceled() async throws {
        try await run(.socket) { state, client, _ in
            let canceled = Task { await state.clientStopsSending() }
            async let other: Void = state.clientStopsSending()
            canceled.cancel()
            await canceled.value
            #expect(!state.clientClosedItsSide)
            try await client.close().get()
            await other
        }
    }
}
