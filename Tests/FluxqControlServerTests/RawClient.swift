import FluxqHost
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import FluxqControlServer

/// A connection that sends any text, HTTP or not.
struct RawClient {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Connects, runs `body`, closes.
    ///
    /// - Parameter port: nil for the Unix socket.
    static func connect<Result>(
        to server: TestServer, at port: LoopbackAddress? = nil,
        _ body: (inout Conversation) async throws -> Result
    ) async throws -> Result {
        let address =
            try port.map { try SocketAddress(ipAddress: $0.host == .v6 ? "::1" : "\($0.host)", port: Int($0.port)) }
            ?? SocketAddress(unixDomainSocketPath: server.socketPath)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var conversation = Conversation(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&conversation)
        }
    }

    struct Conversation {
        fileprivate var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        /// Received but not yet read.
        private var pending = ""

        fileprivate init(
            inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
            outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
        ) {
            self.inbound = inbound
            self.outbound = outbound
        }

        func send(_ text: String) async throws {
            try await outbound.write(ByteBuffer(string: text))
        }

        func send(_ bytes: [UInt8]) async throws {
            try await outbound.write(ByteBuffer(bytes: bytes))
        }

        /// Closes the sending side.
        func finish() {
            outbound.finish()
        }

        /// Reads up to and including that text.
        mutating func read(through text: String) async throws -> String {
            while true {
                if let range = pending.range(of: text) {
                    defer { pending = String(pending[range.upperBound...]) }
                    return String(pending[..<range.upperBound])
                }
                let piece = try #require(
                    try await inbound.next(), "the connection ended after: \(pending), before: \(text)")
                pending += String(buffer: piece)
            }
        }

        /// Reads until the server closes the connection.
        mutating func readToEnd() async throws -> String {
            do {
                while let piece = try await inbound.next() { pending += String(buffer: piece) }
            } catch is IOError {
                // The server closed it with unread data.
            }
            defer { pending = "" }
            return pending
        }
    }
}
