import AsyncHTTPClient
import FluxqFormats
import FluxqHost
package import FluxqModel
import NIOCore
import NIOHTTP1

/// The client for paid calls and downloads over real HTTP.
///
/// A call has a connection of its own, speaks HTTP/1.1, follows no redirect, and uses no proxy except a configured one.
/// The library never repeats it: the result is reported once, as one `CallOutcome`. `shutdown` must be called before
/// the client is released.
package final class ImagesClient: ImagesAPI {
    /// The settings that a reload replaces together.
    struct TermsInForce: Sendable {
        let terms: Terms
        let guardOfLinks: LinkGuard
        let table: OutcomeTable
    }

    private let reloadable: Reloadable<TermsInForce>
    private let apiKey: APIKey
    let resolver: HostResolver
    let proxy: Configuration.Proxy?
    let redactor: Redactor
    private let baseURL: BaseURL
    private let http: HTTPClient
    private let calls = CallsInFlight()

    package init(_ configuration: Configuration) {
        baseURL = configuration.baseURL
        apiKey = configuration.apiKey
        proxy = configuration.proxy
        redactor = Redactor(hiding: [configuration.apiKey] + configuration.otherKeys)
        reloadable = Reloadable(TermsInForce(configuration.terms, redactor: redactor))
        // With a socket, calls need no proxy; downloads still use it.
        var settings = Self.httpConfiguration(proxy: baseURL.socket == nil ? configuration.proxy : nil)
        settings.http1_1ConnectionDebugInitializer = { [calls] channel in
            EarlyAnswer.install(in: channel, calls).flatMap {
                OutgoingCall.install(in: channel, calls, clock: Timestamp.now)
            }
        }
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        resolver = HostResolver()
    }

    var inForce: TermsInForce { reloadable.current }
    private var table: OutcomeTable { inForce.table }

    /// Applies new settings to later calls and downloads.
    package func reload(_ terms: Terms) {
        reloadable.replace(with: TermsInForce(terms, redactor: redactor))
    }

    /// Closes the open connections. The client cannot be used afterwards.
    package func shutdown() async {
        do {
            try await http.shutdown()
        } catch {
            // It was shut down already, which is the goal.
        }
        await resolver.shutdown()
    }

    package func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
    ) async -> CallReport {
        guard !Task.isCancelled else {
            return CallReport(outcome: .notSent(message: .said("The call was canceled before anything was sent.")))
        }
        let gate = SendGate()
        let body: RequestBody
        do {
            body = try RequestBody(request, picture: picture, gate: gate, clock: Timestamp.now)
        } catch {
            return CallReport(outcome: .rejected(APIError(message: .said(redactor.clean(error.message)))))
        }
        let limit = inForce.terms.timeout
        let name = calls.begin(gate)
        defer { calls.end(name) }
        let hostTime = HostTime()
        let measured = MeasuredReceiver(receiver: receiver, time: hostTime)
        let (end, isTimedOut) = await Self.limited(
            to: limit, beside: hostTime, otherwise: End.failed(CancellationError())
        ) {
            await self.exchange(body, behind: gate, name: name, receiver: measured)
        }
        return report(
            on: end, sentAt: await gate.close(),
            overtime: isTimedOut ? "no complete answer arrived within \(limit.inWords)" : nil)
    }

    // MARK: - The exchange

    /// How an exchange ended.
    private enum End: Sendable {
        case reply(Reply)
        case failed(any Error)
        /// A 2xx with a picture that could not be stored on this host.
        case notStored(Reply, any Error)
    }

    private func exchange(
        _ body: RequestBody, behind gate: SendGate, name: String, receiver: any PictureReceiver
    ) async -> End {
        var request = HTTPClientRequest(url: baseURL.generations)
        request.method = .POST
        request.headers = [
            "Authorization": "Bearer \(apiKey.secret)", "Content-Type": "application/json",
            "Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fluxq",
            "Connection": "close", CallsInFlight.header: name,
        ]
        // A path is not a host name; servers behind a socket accept any name.
        if baseURL.socket != nil { request.headers.add(name: "Host", value: baseURL.base.authority) }
        request.body = .stream(body, length: .known(body.length))
        do {
            // The time limit covers all of this; the library's own would end with the answer's head.
            let response = try await http.execute(request, deadline: .distantFuture)
            CrashPoint.answerHeadReceived.pass()
            let reply = Reply(head: response, now: .now())
            guard reply.isSuccess else {
                return await readFailure(response.body, of: reply, behind: gate)
            }
            await receiver.beginAnswer(
                AnswerHead(status: reply.status, requestID: table.requestID(of: reply), sentAt: gate.sentAt))
            return await readSuccess(response.body, of: reply, behind: gate, into: receiver)
        } catch {
            return .failed(error)
        }
    }

    private func readSuccess(
        _ body: HTTPClientResponse.Body, of reply: Reply, behind gate: SendGate, into receiver: any PictureReceiver
    ) async -> End {
        var reply = reply
        var reader = AnswerReader(
            receiver: receiver, maxPictureBytes: inForce.terms.downloads.maxBytes, codings: reply.codings,
            mediaType: reply.mediaType)
        var pieces = GatheredPieces()
        var trouble: String?
        do {
            do {
                for try await piece in AnswerBody(body) {
                    if let gathered = pieces.add(piece) { try await reader.read(gathered) }
                    if reader.isTooLong { break }
                }
                // If reading was given up, fluxqd itself has ended the connection.
                if !reader.isTooLong { trouble = gate.answerTrouble }
            } catch let error as NotStored {
                throw error
            } catch {
                trouble = NetworkTrouble.describe(error)
            }
            // Pictures that arrived whole have been paid for, however the answer ended.
            if let rest = pieces.take() { try await reader.read(rest) }
            try await reader.finish(isBrokenOff: trouble != nil)
        } catch let error as NotStored {
            return .notStored(reply, error.underlying)
        } catch {
            return .failed(error)
        }
        reply.read(reader, redactor: redactor, base: baseURL.base, trouble: trouble)
        return .reply(reply)
    }

    private func readFailure(
        _ body: HTTPClientResponse.Body, of reply: Reply, behind gate: SendGate
    ) async -> End {
        var reply = reply
        let decoder = ContentDecoder(header: reply.codings)
        var beginning: [UInt8] = []
        var length = 0
        func read() throws(ContentDecoder.Broken) {
            while length <= Reply.Limits.longestErrorBytes, let piece = try decoder.next() {
                beginning.append(contentsOf: piece.readableBytesView.prefix(Reply.Limits.errorBytes - beginning.count))
                length += piece.readableBytes
            }
        }
        do {
            for try await piece in AnswerBody(body) {
                decoder.add(piece)
                try read()
                guard length <= Reply.Limits.longestErrorBytes else {
                    reply.defect = "its body is longer than \(Reply.Limits.longestErrorBytes) bytes"
                    break
                }
            }
            if reply.defect == nil, let trouble = gate.answerTrouble {
                reply.defect =
                    "its body was cut off: "
                    + "\(trouble)"
            }
        } catch is ContentDecoder.Broken {
            // It cannot be decoded, so only its status counts.
            beginning = []
        } catch {
            reply.defect = "its body was cut off: \(NetworkTrouble.describe(error))"
        }
        decoder.end()
        do throws(ContentDecoder.Broken) {
            try read()
        } catch {
            beginning = []
        }
        if reply.defect == nil, decoder.unreadable == nil || JSONValue(bounded: beginning) != nil {
            reply.read(beginning)
        } else if reply.defect != nil {
            reply.quote(beginning)
        }
        return .reply(reply)
    }

    // MARK: - The report

    /// - Parameter overtime: if the time limit ended the exchange, the text to report instead of the actual cause.
    private func report(on end: End, sentAt: Timestamp?, overtime: String?) -> CallReport {
        switch end {
        case .reply(let reply):
            var reply = reply
            if let overtime {
                if reply.defect != nil { reply.defect = overtime }
                if reply.answer?.defect != nil { reply.answer?.defect = .said(overtime) }
            }
            var outcome = table.outcome(of: reply)
            // Before the request's last byte, only a 2xx can mean that any work was done.
            if case .unknown(let error) = outcome, sentAt == nil, !reply.isSuccess {
                outcome = .notSent(message: .code(.notSentInFull(because: error.message)))
            }
            var report = CallReport(
                outcome: outcome, sentAt: sentAt, status: reply.status, requestID: table.requestID(of: reply))
            if case .answered = outcome {} else if !reply.excerpt.isEmpty { report.excerpt = reply.excerpt }
            return report
        case .notStored(let reply, let error):
            let message =
                "The API answered, but a picture of its answer could not be stored here: \(overtime ?? "\(error)"). "
                + "The call was probably billed. Check the archive's disk before a retry buys it again."
            return CallReport(
                outcome: .unknown(
                    APIError(
                        status: reply.status, message: .said(redactor.clean(message)),
                        requestID: table.requestID(of: reply))),
                sentAt: sentAt, status: reply.status, requestID: table.requestID(of: reply))
        case .failed(let error as RequestBody.Unreadable) where sentAt == nil:
            // This error is not about the API. The next try checks the picture first, and finds out if it is damaged.
            var report = CallReport(outcome: .notSent(message: .said(redactor.clean(error.message))))
            report.isLocal = true
            return report
        case .failed(let error):
            let trouble = overtime ?? NetworkTrouble.describe(error)
            guard let sentAt else {
                let message = redactor.clean(
                    "Could not call \(baseURL.generations)\(proxy?.words ?? ""): \(trouble). The request was not sent in full."
                )
                return CallReport(outcome: .notSent(message: .said(message)))
            }
            return CallReport(outcome: table.unknown(because: trouble), sentAt: sentAt)
        }
    }

    // MARK: - Parts

    /// Runs work under a time limit and waits for its actual end either way: a result that arrives just then counts.
    /// - Parameters:
    /// - hostTime: time that does not count.
    /// - nothing: only for the compiler; the work always ends with a value.
    static func limited<Value: Sendable>(
        to limit: Duration, beside hostTime: HostTime? = nil, otherwise nothing: Value,
        _ work: @escaping @Sendable () async -> Value
    ) async -> (value: Value, isTimedOut: Bool) {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await work() }
            group.addTask {
                let start = ContinuousClock.now
                var pause = limit
                repeat {
                    // The sleep ends early if the work is done or the caller's task was canceled.
                    try? await Task.sleep(for: pause)
                    let left = limit + (hostTime?.total ?? .zero) - (.now - start)
                    pause = left > .zero ? max(left, Limits.shortestPause) : .zero
                } while pause > .zero && !Task.isCancelled
                return nil
            }
            var result = (value: nothing, isTimedOut: false)
            for await value in group {
                if let value {
                    result.value = value
                } else if !group.isCancelled, !Task.isCancelled {
                    result.isTimedOut = true
                }
                group.cancelAll()
            }
            return result
        }
    }

    /// Returns the settings for both kinds of request.
    static func httpConfiguration(proxy: Configuration.Proxy?) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.decompression = .disabled
        configuration.proxy = proxy.map { .server(host: $0.host, port: $0.port) }
        configuration.timeout.connect = .init(Limits.connect)
        // A new connection for each request, and one try to make it.
        configuration.maximumUsesPerConnection = 1
        configuration.connectionPool.idleTimeout = .milliseconds(1)
        configuration.connectionPool.retryConnectionEstablishment = false
        // The workers limit the number of concurrent calls.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 10_000
        return configuration
    }
}

extension Duration {
    /// Such as "300 seconds", "0.05 seconds".
    var inWords: String {
        let milliseconds = milliseconds
        return milliseconds.isMultiple(of: 1000)
            ? "\(milliseconds / 1000) seconds" : "\(Double(milliseconds) / 1000) seconds"
    }
}

extension ImagesClient.TermsInForce {
    init(_ terms: ImagesClient.Terms, redactor: Redactor) {
        self.init(
            terms: terms, guardOfLinks: LinkGuard(trustedHosts: terms.downloads.trustedHosts),
            table: OutcomeTable(unbilledStatuses: terms.unbilledStatuses, redactor: redactor))
    }
}
