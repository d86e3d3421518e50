import FluxqControl
import FluxqModel
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import ServiceLifecycle

/// One client's connection: a request, its response, and again, until either side has had enough.
struct Connection: Sendable {
    let channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    /// By the kernel; nil where it cannot tell.
    let uid: UInt32?
    /// Held until it is closed and whatever it asked for has ended: who asks for much and goes away has not left before.
    let place: ConnectionCap.Place
    let routes: Routes
    let users: KnownUsers
    let logger: Logger

    /// Returns when the connection is closed.
    func run() async {
        guard case .admitted(let uid) = place.entry else {
            if case .refused(isNews: true) = place.entry {
                logger.info(
                    "Connections of a user are refused.", metadata: ["uid": "\(uid.map { "\($0)" } ?? "unknown")"])
            }
            return await refuse(uid == nil ? .nobody : .tooManyConnections)
        }
        let peer = Peer(uid: uid, user: await users.entry(of: uid))
        let state = ConnectionState()
        channel.channel.closeFuture.whenComplete { _ in state.clientLeft() }

        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await converse(with: peer, state)
            } onGracefulShutdown: {
                // Who connected just before may be about to say why, and who has brought a picture what to do with it.
                // A body on its way in is let through.
                guard let awaited = state.awaitedRequest else { return }
                channel.channel.eventLoop.scheduleTask(in: TimeAmount(routes.settings.partingTime)) {
                    if state.awaitedRequest == awaited { channel.channel.close(mode: .input, promise: nil) }
                }
            }
        } onCancel: {
            channel.channel.close(promise: nil)
        }
    }

    private func converse(with peer: Peer, _ state: ConnectionState) async {
        do {
            try await channel.executeThenClose { inbound, outbound in
                let requests = RequestReader(
                    inbound.makeAsyncIterator(), outbound: outbound, connection: state, channel: channel.channel,
                    settings: routes.settings)
                do {
                    while let head = try await requests.next() {
                        guard try await answer(head, requests, peer, state, outbound) else { break }
                    }
                } catch is RequestReader.Failure {
                    var response = Response(.notHTTP)
                    response.headers[.connection] = "close"
                    try await write(response, to: outbound)
                }
            }
        } catch {
            logger.debug("A connection broke.", metadata: ["uid": "\(peer.uid)", "error": "\(error)"])
        }
    }

    /// - Returns: whether another request may follow.
    private func answer(
        _ head: HTTPRequest, _ requests: RequestReader, _ peer: Peer, _ state: ConnectionState,
        _ outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    ) async throws -> Bool {
        // Anew for each request: who is an administrator may have been configured anew.
        let call = Call(head: head, body: requests, caller: routes.caller(peer), connection: state)
        var response = await routes.response(to: call)
        // Who is refused before the end of the body may stop sending it.
        let isBodyRefused = response.status.kind == .clientError && !requests.isBodyOver && head.hasBody
        let isLast =
            isBodyRefused || head.headerFields[.connection]?.lowercased() == "close"
            || response.headers[.connection] == "close"
        if isLast { response.headers[.connection] = "close" }
        if head.method == .head { response = response.createHeadResponse() }
        logger.debug(
            "A request was answered.",
            metadata: ["uid": "\(peer.uid)", "method": "\(head.method)", "status": "\(response.status.code)"])
        try await write(response, to: outbound)
        return await requests.drain() && !isLast
    }

    /// How long somebody who is refused may take for a request's head; then the answer comes without it.
    private static let patienceWithRefused = Duration.seconds(1)

    /// Says why and closes. What a client has sent and nobody has read when the connection closes can take the answer with
    /// it, so the request's head is read first; no longer than a moment, for refused connections must not pile up.
    private func refuse(_ problem: Problem) async {
        do {
            try await channel.executeThenClose { inbound, outbound in
                var parts = inbound.makeAsyncIterator()
                try await channel.channel.closing(.input, after: Self.patienceWithRefused) {
                    _ = try await parts.next()
                }
                var response = Response(problem)
                response.headers[.connection] = "close"
                try await write(response, to: outbound)
            }
        } catch {
            logger.debug("A connection broke.", metadata: ["error": "\(error)"])
        }
    }

    private func write(
        _ response: Response, to outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    ) async throws {
        try await response.body.write(
            ResponseStream(
                response.head, channel: channel, outbound: outbound, patience: routes.settings.idleTime))
    }
}

/// Who is at the other end: by the kernel, and by the host's user database at the time of the connection.
private struct Peer: Hashable, Sendable {
    let uid: UInt32
    let user: KnownUsers.Entry
}

extension Routes {
    fileprivate func caller(_ peer: Peer) -> Caller {
        Caller(
            uid: peer.uid, name: peer.user.name, groups: peer.user.groups,
            isAdministrator: settings.administrators.contains(uid: peer.uid, groups: peer.user.groups))
    }
}

extension HTTPRequest {
    fileprivate var hasBody: Bool {
        headerFields[.transferEncoding] != nil || headerFields[.contentLength].map { $0 != "0" } ?? false
    }
}
