import FluxqControl
import FluxqModel
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import ServiceLifecycle

/// One client's connection: requests and responses in turn, until either side ends it.
struct ClientConnection: Sendable {
    let channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    let state: ConnectionState
    /// Held until the connection is closed and all its requests have ended. So a client cannot free it by disconnecting
    /// early.
    let place: ConnectionCap.Place
    let routes: Routes
    let logger: Logger

    private var peer: Peer { state.peer }

    /// Returns once the connection is closed.
    func run() async {
        guard let uid = peer.uid, case .admitted = place.entry else {
            return await refuse(place.entry, routes.callers.reasonForRefusal(peer))
        }
        do throws(Problem) {
            let caller = try await routes.callers.caller(uid, at: peer.entrance)
            let entry = place.settle(caller.isAdministrator ? .administrator(uid) : .user(uid))
            guard case .admitted = entry else { return await refuse(explained(entry), .tooManyConnections) }
        } catch  where error.code == .notAllowed {
            return await refuse(place.refuse(.stranger), error)
        } catch {
            return await refuse(explained(place.refuse(.newcomer(uid))), error)
        }

        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await converse(as: uid)
            } onGracefulShutdown: {
                // A client that has just connected may still send its request, and one that has uploaded a picture its
                // submit. A body that is being received is let through.
                guard let awaited = state.awaitedRequest else { return }
                channel.channel.eventLoop.scheduleTask(in: TimeAmount(routes.settings.partingTime)) {
                    if state.awaitedRequest == awaited { channel.channel.close(mode: .input, promise: nil) }
                }
            }
        } onCancel: {
            channel.channel.close(promise: nil)
        }
    }

    private func converse(as uid: UInt32) async {
        do {
            try await channel.executeThenClose { inbound, outbound in
                let requests = RequestReader(
                    inbound.makeAsyncIterator(), outbound: outbound, connection: state, channel: channel.channel,
                    settings: routes.settings)
                do {
                    var head = try await requests.next()
                    while let request = head {
                        let sent = try await answer(request, requests, uid, outbound)
                        guard sent.mayContinue || sent.settle != nil else { break }
                        if !sent.mayContinue { channel.channel.close(mode: .output, promise: nil) }
                        head = try await next(requests, sent)
                        guard sent.mayContinue else { break }
                    }
                } catch is RequestReader.Failure {
                    var response = Response(.notHTTP)
                    response.headers[.connection] = "close"
                    try await write(response, to: outbound)
                }
            }
        } catch {
            logger.debug("A connection broke.", metadata: ["uid": "\(uid)", "error": "\(error)"])
        }
    }

    /// A response that was written.
    private struct Sent {
        /// True if another request may follow.
        var mayContinue: Bool
        var settle: (@Sendable (_ isTaken: Bool) async -> Void)?
    }

    /// The next request. Whether it comes, or how the connection ends, shows whether the client has taken the response.
    private func next(_ requests: RequestReader, _ sent: Sent) async throws -> HTTPRequest? {
        guard let settle = sent.settle else { return try await requests.next() }
        let head: HTTPRequest?
        do {
            head = try await requests.next()
        } catch {
            // A client that closes with unread data resets the connection.
            await settle(false)
            throw error
        }
        await settle(head != nil ? true : await hasTakenAll())
        return head
    }

    /// Whether the client has taken all of the answer, on a connection that ends without an error.
    private func hasTakenAll() async -> Bool {
        // A client that was gone before the answer was complete has not received it.
        if state.clientClosedItsSide, !state.hadClientForLastPiece { return false }
        if let connection = peer.connection { return UntakenBytes.areNone(on: connection) }
        if await UntakenBytes.areNone(onSocket: channel.channel) { return true }
        // The socket cannot be asked once it is closed. A client that closes it with unread data resets the connection,
        // which is an error.
        return state.hasClientLeft
    }

    private func answer(
        _ head: HTTPRequest, _ requests: RequestReader, _ uid: UInt32,
        _ outbound: NIOAsyncChannelOutboundWriter<HTTPResponsePart>
    ) async throws -> Sent {
        var answer: Reply
        do throws(Problem) {
            let caller = try await routes.callers.caller(uid, at: peer.entrance)
            answer = await routes.answer(to: Call(head: head, body: requests, caller: caller, connection: state))
        } catch {
            answer = Reply(routes.response(to: error, path: head.path))
            answer.response.headers[.connection] = "close"
        }
        var response = answer.response
        // A client that is refused before the end of its body may stop sending it.
        let isBodyRefused = response.status.kind == .clientError && !requests.isBodyOver && head.hasBody
        let isLast =
            isBodyRefused || head.headerFields[.connection]?.lowercased() == "close"
            || response.headers[.connection] == "close"
        if isLast { response.headers[.connection] = "close" }
        if head.method == .head { response = response.createHeadResponse() }
        logger.debug(
            "A request was answered.",
            metadata: ["uid": "\(uid)", "method": "\(head.method)", "status": "\(response.status.code)"])
        do {
            try await write(response, to: outbound)
        } catch {
            await answer.settle?(false)
            throw error
        }
        return Sent(mayContinue: await requests.drain() && !isLast, settle: answer.settle)
    }

    /// How long a refused client may take to send a request's head; after that it is answered without one.
    private static let patienceWithRefused = Duration.seconds(1)

    /// A user always gets the reason. Its request may have been read, and without an answer the user could not tell
    /// whether anything was done.
    private func explained(_ entry: ConnectionCap.Entry) -> ConnectionCap.Entry {
        entry == .turnedAway ? .refused(isNews: false) : entry
    }

    /// Sends the reason, unless there are too many refusals, and closes.
    private func refuse(_ entry: ConnectionCap.Entry, _ problem: Problem) async {
        guard case .refused(let isNews) = entry else {
            do {
                try await channel.executeThenClose { _, _ in }
            } catch {
                logger.debug("A connection broke.", metadata: ["error": "\(error)"])
            }
            return
        }
        if isNews {
            logger.info(
                "Connections are refused.",
                metadata: ["uid": "\(peer.uid.map { "\($0)" } ?? "unknown")", "why": "\(problem.title)"])
        }
        await refuse(problem)
    }

    /// If a connection closes with unread data, the client may lose the answer. So the request's head is read first,
    /// but only for a moment, because refused connections must not pile up.
    private func refuse(_ problem: Problem) async {
        do {
            try await channel.executeThenClose { inbound, outbound in
                var parts = inbound.makeAsyncIterator()
                let part = try await channel.channel.closing(.input, after: Self.patienceWithRefused) {
                    try await parts.next()
                }
                let path: String? = if case .head(let head)? = part { head.path } else { nil }
                var response = routes.response(to: problem, path: path)
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
                response.head, channel: channel, outbound: outbound, connection: state,
                patience: routes.settings.idleTime))
    }
}

extension HTTPRequest {
    fileprivate var hasBody: Bool {
        headerFields[.transferEncoding] != nil || headerFields[.contentLength].map { $0 != "0" } ?? false
    }
}
