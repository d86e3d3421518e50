import FluxqControl
import FluxqHost
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection to the daemon's socket.
struct ControlConnection: Sendable {
    let channel: any Channel
    private let reader: NIOLoopBound<ResponseReader>

    /// One thread for the whole process: this keeps the start fast, and NIO's shared group has a thread for every core.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// - Parameter patience: how long to wait while the backlog is full.
    static func open(_ socket: ControlSocket, patience: Duration) async throws -> ControlConnection {
        do {
            let descriptor = try await NIOThreadPool.singleton.runIfActive {
                try UnixConnect.connect(to: socket.location, patience: patience)
            }
            return try await ClientBootstrap(group: group)
                .withConnectedSocket(descriptor) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        let reader = ResponseReader()
                        try pipeline.addHandlers([
                            IdleStateHandler(allTimeout: SilenceHandler.limit), SilenceHandler(),
                            HTTPRequestEncoder(), UnaskedAnswer(), ByteToMessageHandler(HTTPResponseDecoder()),
                            NIOHTTPRequestHeadersValidator(), reader,
                        ])
                        UnaskedAnswer.expect(on: pipeline)
                        return ControlConnection(
                            channel: channel, reader: NIOLoopBound(reader, eventLoop: channel.eventLoop))
                    }
                }
        } catch let failure as SystemError {
            throw socket.unreachable(failure.code)
        } catch {
            throw ControlClientError.connectionLost(path: socket.path, why: "connecting failed: \(error)")
        }
    }

    /// Returns once the kernel has the parts.
    func write(_ parts: [HTTPClientRequestPart]) async throws {
        for part in parts.dropLast() { channel.write(part, promise: nil) }
        if let last = parts.last { try await channel.writeAndFlush(last).get() }
    }

    /// The next part of an answer; nil once the connection is closed between two answers, such as by a cancellation of
    /// the task.
    func next() async throws -> HTTPClientResponsePart? {
        let reader = reader
        return try await withTaskCancellationHandler {
            try await channel.eventLoop.flatSubmit { reader.value.next(on: reader.eventLoop) }.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// Returns once the connection is closed.
    func close() async {
        channel.close(promise: nil)
        // This cannot fail: it reports that the channel is closed, for any reason.
        do { try await channel.closeFuture.get() } catch {}
    }
}
