import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// Writes one response. It has ended when its last byte is the kernel's, so that closing the connection then cuts nothing.
struct ResponseStream: ResponseBodyWriter {
    private let channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    private let patience: Duration
    /// Goes out with the first piece of the body.
    private var head: HTTPResponse?

    /// - Parameter patience: until a piece of the answer is taken.
    init(
        _ head: HTTPResponse, channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>,
        outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>, patience: Duration
    ) {
        self.head = head
        self.channel = channel
        self.outbound = outbound
        self.patience = patience
    }

    /// Waits while the client is slow to read, but not for one that does not read at all.
    mutating func write(_ buffer: ByteBuffer) async throws {
        let parts = takeHead().map { [.head($0), .body(buffer)] } ?? [HTTPResponsePart.body(buffer)]
        try await channel.channel.closing(.all, after: patience) { try await outbound.write(contentsOf: parts) }
    }

    consuming func finish(_ trailers: HTTPFields?) async throws {
        let head = takeHead()
        try await channel.channel.closing(.all, after: patience) {
            if let head { try await outbound.write(.head(head)) }
            // Past the asynchronous writer, which would not tell when it is flushed; what went through that comes first.
            try await channel.channel.writeAndFlush(HTTPResponsePart.end(trailers)).get()
        }
    }

    private mutating func takeHead() -> HTTPResponse? {
        defer { head = nil }
        return head
    }
}
