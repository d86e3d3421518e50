import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// Writes one response. It is finished once the kernel has its last byte, so that closing the connection then loses
/// nothing.
struct ResponseStream: ResponseBodyWriter {
    private let channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    private let connection: ConnectionState
    private let patience: Duration
    /// Sent with the first piece of the body.
    private var head: HTTPResponse?
    private let hasLength: Bool
    /// The latest piece of a body with a known length. It is sent with the next one, or as the last.
    private var held: ByteBuffer?

    /// - Parameter patience: how long the client may take to read a piece.
    init(
        _ head: HTTPResponse, channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>,
        outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>, connection: ConnectionState, patience: Duration
    ) {
        self.head = head
        hasLength = head.headerFields[.contentLength] != nil
        self.channel = channel
        self.outbound = outbound
        self.connection = connection
        self.patience = patience
    }

    /// Waits for a client that reads slowly, but not for one that does not read at all.
    mutating func write(_ buffer: ByteBuffer) async throws {
        guard hasLength else { return try await send(buffer) }
        if let piece = held { try await send(piece) }
        held = buffer
    }

    private mutating func send(_ piece: ByteBuffer) async throws {
        connection.notePiece()
        let parts = takeHead().map { [.head($0), .body(piece)] } ?? [HTTPResponsePart.body(piece)]
        try await channel.channel.closing(.all, after: patience) { try await outbound.write(contentsOf: parts) }
    }

    consuming func finish(_ trailers: HTTPFields?) async throws {
        let head = takeHead()
        connection.notePiece()
        try await channel.channel.closing(.all, after: patience) {
            // What goes to the channel itself bypasses the asynchronous writer, which does not report when it is flushed;
            // parts written through it are sent first.
            let end = HTTPResponsePart.end(trailers)
            guard let held else {
                if let head { try await outbound.write(.head(head)) }
                return try await channel.channel.writeAndFlush(end).get()
            }
            if let head { channel.channel.write(HTTPResponsePart.head(head), promise: nil) }
            let sent = channel.channel.write(HTTPResponsePart.body(held))
            channel.channel.writeAndFlush(end, promise: nil)
            // The end has no bytes: a client that has read the length it was told may have closed the connection.
            try await sent.get()
        }
    }

    private mutating func takeHead() -> HTTPResponse? {
        defer { head = nil }
        return head
    }
}
