import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// Writes one response. It has ended when its last byte is the kernel's, so that closing the connection then cuts nothing.
struct ResponseStream: ResponseBodyWriter {
    private let channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    /// Goes out with the first piece of the body.
    private var head: HTTPResponse?

    init(
        _ head: HTTPResponse, channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>,
        outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    ) {
        self.head = head
        self.channel = channel
        self.outbound = outbound
    }

    /// Waits while the client is slow to read.
    mutating func write(_ buffer: ByteBuffer) async throws {
        if let head {
            self.head = nil
            try await outbound.write(contentsOf: [.head(head), .body(buffer)])
        } else {
            try await outbound.write(.body(buffer))
        }
    }

    consuming func finish(_ trailers: HTTPFields?) async throws {
        if let head { try await outbound.write(.head(head)) }
        // Past the asynchronous writer, which would not tell when it is flushed; what went through that comes first.
        try await channel.channel.writeAndFlush(HTTPResponsePart.end(trailers)).get()
    }
}
