import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// Writes one response. It is finished once the kernel has its last byte, so that closing the connection then loses
/// nothing.
struct ResponseStream: ResponseBodyWriter {
    private let channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    private let patience: Duration
    /// Sent with the first piece of the body.
    private var head: HTTPResponse?

    /// - Parameter patience: how long the client may take to read a piece.
    init(
        _ head: HTTPResponse, channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>,
        outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>, patience: Duration
    ) {
        self.head = head
        self.channel = channel
        self.outbound = outbound
        self.patience = patience
    }

    /// Waits for a client that reads slowly, but not for one that does not read at all.
    mutating func write(_ buffer: ByteBuffer) async throws {
        let parts = takeHead().map { [.head($0), .body(buffer)] } ?? [HTTPResponsePart.body(buffer)]
        try await channel.channel.closing(.all, after: patience) { try await outbound.write(contentsOf: parts) }
    }

    consuming func finish(_ trailers: HTTPFields?) async throws {
        let head = takeHead()
        try await channel.channel.closing(.all, after: patience) {
            if let head { try await outbound.write(.head(head)) }
            // Bypasses the asynchronous writer, which does not report when it is flushed; parts written through it are
            // sent first.
            try await channel.channel.writeAndFlush(HTTPResponsePart.end(trailers)).get()
        }
    }

    private mutating func takeHead() -> HTTPResponse? {
        defer { head = nil }
        return head
    }
}
