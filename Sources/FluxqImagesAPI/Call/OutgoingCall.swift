import FluxqModel
import NIOCore
import NIOHTTP1
import Synchronization

/// The last handler of a call's request before encoding. It tells the call's gate the connection that the request goes
/// to, and when the kernel has accepted its last byte. The HTTP library reports neither.
final class OutgoingCall: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let calls: CallsInFlight
    private let clock: @Sendable () -> Timestamp
    private var gate: SendGate?
    /// Bytes of the body that are not written yet.
    private var remaining = 0

    init(_ calls: CallsInFlight, clock: @escaping @Sendable () -> Timestamp) {
        self.calls = calls
        self.clock = clock
    }

    /// - Parameter channel: a channel whose HTTP handlers are in place; called on its event loop.
    static func install(
        in channel: any Channel, _ calls: CallsInFlight, clock: @escaping @Sendable () -> Timestamp
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
            try pipeline.addHandler(OutgoingCall(calls, clock: clock), position: .after(encoder))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            guard let name = head.headers.first(name: CallsInFlight.header), let gate = calls.gate(of: name),
                let length = head.headers.first(name: "content-length").flatMap({ Int($0) })
            else {
                promise?.fail(ChannelError.inappropriateOperationForState)
                return context.close(promise: nil)
            }
            head.headers.remove(name: CallsInFlight.header)
            gate.connect(context.channel)
            self.gate = gate
            remaining = length
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let piece):
            remaining -= piece.readableBytes
            guard remaining <= 0, let gate else { return context.write(data, promise: promise) }
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.whenSuccess { [clock] in gate.written(at: clock()) }
            context.write(data, promise: written)
        case .end:
            context.write(data, promise: promise)
        }
    }
}

/// The gates of the calls in flight. A request names its gate in a header that never leaves this process, because the
/// library chooses the connection.
final class CallsInFlight: Sendable {
    static let header = "fluxq-call"

    private struct State {
        var gates: [String: SendGate] = [:]
        var begun = 0
    }

    private let state = Mutex(State())

    /// - Returns: the name of the gate for the request's header.
    func begin(_ gate: SendGate) -> String {
        state.withLock { state in
            state.begun += 1
            let name = String(state.begun)
            state.gates[name] = gate
            return name
        }
    }

    func end(_ name: String) {
        state.withLock { _ = $0.gates.removeValue(forKey: name) }
    }

    func gate(of name: String) -> SendGate? {
        state.withLock { $0.gates[name] }
    }
}
