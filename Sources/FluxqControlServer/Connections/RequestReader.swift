import HTTPTypes
package import NIOCore
import NIOHTTPTypes
import ServiceLifecycle

/// Reads requests from a connection, one after the other, and their bodies piece by piece. Belongs to the one task of
/// its connection.
package final class RequestReader {
    package enum Failure: Error {
        /// The data is not HTTP, or its header is too long.
        case malformed
        /// The body is incomplete, or not framed as HTTP requires.
        case bodyCut
        /// The body did not arrive in time.
        case bodyLate
    }

    private var parts: NIOAsyncChannelInboundStream<HTTPRequestPart>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    private let connection: ConnectionState
    private let channel: any Channel
    private let settings: ControlServer.Settings
    private var bodyEnd = ContinuousClock.now
    /// True while the client withholds its body until it is told to continue (RFC 9110, 10.1.1).
    private(set) var awaitsInvitation = false
    private(set) var isBodyOver = true

    init(
        _ parts: NIOAsyncChannelInboundStream<HTTPRequestPart>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>, connection: ConnectionState, channel: any Channel,
        settings: ControlServer.Settings
    ) {
        self.parts = parts
        self.outbound = outbound
        self.connection = connection
        self.channel = channel
        self.settings = settings
    }

    /// The next request, once the body of the last one has been read; nil if the client sends no more.
    func next() async throws(Failure) -> HTTPRequest? {
        let part: HTTPRequestPart?
        connection.beginAwaitingRequest()
        defer { connection.endAwaitingRequest() }
        do {
            let patience = Task.isShuttingDownGracefully ? settings.partingTime : settings.idleTime
            part = try await channel.closing(.input, after: patience) { try await parts.next() }
        } catch {
            throw .malformed
        }
        switch part {
        case nil: return nil
        case .head(let head):
            awaitsInvitation = head.headerFields[.expect]?.lowercased() == "100-continue"
            isBodyOver = false
            bodyEnd = .now + settings.bodyTime
            return head
        case .body, .end: throw .malformed
        }
    }

    private var isBodyLate: Bool { ContinuousClock.now >= bodyEnd }

    /// The next piece of the body; nil at its end.
    package func piece() async throws(Failure) -> ByteBuffer? {
        if isBodyOver { return nil }
        let part: HTTPRequestPart?
        do {
            if awaitsInvitation {
                awaitsInvitation = false
                try await outbound.write(.head(HTTPResponse(status: .continue)))
            }
            part = try await channel.closing(.input, after: bodyEnd - .now) { try await parts.next() }
        } catch {
            throw isBodyLate ? .bodyLate : .bodyCut
        }
        switch part {
        case .body(let piece): return piece
        case .end:
            isBodyOver = true
            return nil
        case nil, .head: throw isBodyLate ? .bodyLate : .bodyCut
        }
    }

    /// Reads the rest of the body and discards it.
    /// - Returns: true if the next request may follow; false if too much is left or the body was cut.
    func drain() async -> Bool {
        if awaitsInvitation { return isBodyOver }
        var left = Limits.drainedBytes
        do {
            while let piece = try await piece() {
                left -= piece.readableBytes
                if left < 0 { return false }
            }
            return true
        } catch {
            return false
        }
    }
}
