import FluxqTestSupport
import NIOCore
import NIOPosix
import Synchronization

/// A server on 127.0.0.1 that records every received byte and can answer with any bytes.
final class RawServer: Sendable {
    /// The behaviour of one connection.
    struct Script: Sendable {
        enum Moment: Sendable {
            case accepted
            /// The head has arrived, up to its empty line.
            case head
            /// That many bytes have arrived; reading stops.
            case bytes(Int)
            /// Everything that Content-Length announces has arrived.
            case wholeRequest
        }

        enum Ending: Sendable {
            case close
            /// Nothing more is read or written until the peer closes.
            case stall
        }

        var moment = Moment.wholeRequest
        var reply: [UInt8] = []
        var ending = Ending.close
        /// True if reading stops at the moment, so that the peer cannot continue to send.
        var stopsReading = false

        static func raw(_ reply: String, at moment: Moment = .wholeRequest, then ending: Ending = .close) -> Script {
            Script(moment: moment, reply: Array(reply.utf8), ending: ending)
        }

        /// Returns a whole answer with its Content-Length.
        static func answer(
            _ status: Int = 200, headers: [String] = ["Content-Type: application/json"], _ body: String,
            at moment: Moment = .wholeRequest
        ) -> Script {
            answer(status, headers: headers, bytes: Array(body.utf8), at: moment)
        }

        static func answer(_ body: String) -> Script { answer(200, body) }

        static func answer(
            _ status: Int = 200, headers: [String] = [], bytes: [UInt8], at moment: Moment = .wholeRequest
        ) -> Script {
            let lines = ["HTTP/1.1 \(status) Whatever"] + headers + ["Content-Length: \(bytes.count)", "", ""]
            return Script(moment: moment, reply: Array(lines.joined(separator: "\r\n").utf8) + bytes)
        }
    }

    let port: Int
    /// One element for each connection that has reached its moment.
    let moments: AsyncStream<Void>
    private let channel: any Channel
    private let requests: Requests

    /// - Parameters:
    /// - scripts: the script of the first connection, of the second, …; the last one serves all further connections.
    /// - socket: the path of a Unix socket to listen on; nil for a port of 127.0.0.1.
    init(_ scripts: Script..., socket: String? = nil) async throws {
        let requests = Requests()
        let (moments, continuation) = AsyncStream.makeStream(of: Void.self)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: socket == nil ? 1 : 0)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = requests.open()
                    let script = scripts[min(number, scripts.count - 1)]
                    try channel.pipeline.syncOperations.addHandler(
                        ScriptHandler(
                            script, append: { requests.append($0, to: number) }, tell: { continuation.yield() }))
                }
            }
        if let socket {
            channel = try await bootstrap.bind(unixDomainSocketPath: socket).get()
            port = 0
        } else {
            channel = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            guard let port = channel.localAddress?.port else { throw NoPort() }
            self.port = port
        }
        self.moments = moments
        self.requests = requests
    }

    /// The bytes that each connection has sent so far.
    var received: [[UInt8]] { requests.all }

    func shutdown() async throws {
        try await channel.close()
    }

    private struct NoPort: Error {}

    private final class Requests: Sendable {
        private let list = Mutex<[[UInt8]]>([])

        var all: [[UInt8]] { list.withLock { $0 } }

        func open() -> Int {
            list.withLock {
                $0.append([])
                return $0.count - 1
            }
        }

        func append(_ bytes: ByteBufferView, to number: Int) {
            list.withLock { $0[number] += bytes }
        }
    }
}

/// Plays one script on one connection.
private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: RawServer.Script
    private let append: @Sendable (ByteBufferView) -> Void
    private let tell: @Sendable () -> Void
    private var head: [UInt8] = []
    private var count = 0
    /// The length of the whole request; nil until its head has arrived.
    private var length: Int?
    private var isDone = false

    init(
        _ script: RawServer.Script, append: @escaping @Sendable (ByteBufferView) -> Void,
        tell: @escaping @Sendable () -> Void
    ) {
        self.script = script
        self.append = append
        self.tell = tell
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .accepted = script.moment { play(context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data).readableBytesView
        append(bytes)
        count += bytes.count
        if length == nil {
            head += bytes
            if let end = head.firstRange(of: Array("\r\n\r\n".utf8)) {
                let text = String(decoding: head[..<end.lowerBound], as: UTF8.self)
                length = end.upperBound + ScriptedPeer.bodyLength(in: text)
            }
        }
        switch script.moment {
        case .accepted: break
        case .head: if length != nil { play(context) }
        case .bytes(let enough): if count >= enough { play(context) }
        case .wholeRequest: if let length, count >= length { play(context) }
        }
    }

    private func play(_ context: ChannelHandlerContext) {
        guard !isDone else { return }
        isDone = true
        tell()
        var stops = script.stopsReading
        if case .bytes = script.moment { stops = true }
        if stops { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
        let written = context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: script.reply)))
        switch script.ending {
        case .close:
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.whenComplete { _ in bound.value.close(promise: nil) }
        case .stall: break
        }
    }
}
