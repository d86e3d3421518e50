import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension ImagesClient {
    package func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
        let limit = inForce.terms.downloads.timeout
        let canceled = DownloadOutcome.unreachable(message: "The download was canceled.")
        let (outcome, isTimedOut) = await Self.limited(to: limit, otherwise: canceled) {
            await self.fetch(link, into: sink)
        }
        // A picture that is completely stored counts even if the time limit has just passed.
        if isTimedOut, outcome != .complete {
            return .unreachable(message: "The download did not finish within \(limit.inWords).")
        }
        return outcome
    }

    /// The result of one request.
    private enum Attempt {
        case redirect(location: String)
        case over(DownloadOutcome)
        /// No connection was made, or no answer came.
        case unreachable(any Error)
    }

    private func fetch(_ text: String, into sink: any PictureSink) async -> DownloadOutcome {
        var link: Link
        do {
            link = try Link(text)
        } catch {
            return .impossible(message: "The API's link \(error.problem): \(redactor.clean(text, limit: 200))")
        }
        for redirects in 0...Limits.redirects {
            let attempt: Attempt
            // Plain http is refused, but many hosts offer the same over https although their links do not show it.
            var plain: LinkGuard.Refused?
            do {
                do {
                    try inForce.guardOfLinks.check(link)
                } catch {
                    guard let secure = link.overHTTPS else { throw error }
                    try inForce.guardOfLinks.check(secure)
                    (link, plain) = (secure, error)
                }
                if proxy == nil {
                    let addresses = try await resolver.addresses(of: link)
                    try inForce.guardOfLinks.check(link, addresses: addresses)
                    attempt = await request(link, at: addresses, into: sink)
                } else {
                    try inForce.guardOfLinks.checkForProxy(link)
                    attempt = await request(link, at: nil, into: sink)
                }
            } catch let error as LinkGuard.Refused {
                return .refused(message: error.message)
            } catch let error as HostResolver.Unresolved {
                return unreachable(link, error.message)
            } catch {
                return unreachable(link, NetworkTrouble.describe(error))
            }
            switch attempt {
            case .over(.failed(let message)) where plain != nil, .over(.gone(let message)) where plain != nil:
                return refused(plain, link, trying: message)
            case .unreachable(let error) where plain != nil:
                return refused(plain, link, trying: NetworkTrouble.describe(error))
            case .over(let outcome): return outcome
            case .unreachable(let error as HTTPParserError):
                return failed(link, NetworkTrouble.describe(error))
            case .unreachable(let error):
                return unreachable(link, NetworkTrouble.describe(error))
            case .redirect(let location):
                guard redirects < Limits.redirects else { break }
                do {
                    link = try link.resolving(location: location)
                } catch {
                    return failed(link, "it redirects to a link that \(error.problem)")
                }
            }
        }
        return failed(link, "it redirects more than \(Limits.redirects) times")
    }

    /// True for statuses of the client's fault that another try does not change. A timeout and a rate limit are
    /// temporary.
    private static func isFinal(_ status: UInt) -> Bool {
        (400..<500).contains(status) && ![408, 425, 429].contains(status)
    }

    /// Refuses a link that may be available by plain http alone, whose host an administrator would have to trust.
    private func refused(_ plain: LinkGuard.Refused?, _ link: Link, trying: String) -> DownloadOutcome {
        .refused(message: redactor.clean("\(plain?.message ?? "") It cannot be downloaded by https either: \(trying)"))
    }

    private func unreachable(_ link: Link, _ reason: String) -> DownloadOutcome {
        .unreachable(
            message: redactor.clean("Could not download from \(link.hostAndPort)\(proxy?.words ?? ""): \(reason)."))
    }

    private func failed(_ link: Link, _ reason: String) -> DownloadOutcome {
        .failed(
            message: redactor.clean("Could not download from \(link.hostAndPort)\(proxy?.words ?? ""): \(reason)."))
    }

    /// Tries the addresses until one answers: first the one that connects first, and if that one does not answer, the
    /// first of the others.
    private func request(_ link: Link, at addresses: [SocketAddress], into sink: any PictureSink) async -> Attempt {
        var attempt = Attempt.unreachable(CancellationError())
        var left = AddressRace.inTurn(Array(addresses.prefix(Limits.addresses)))
        while !left.isEmpty, !Task.isCancelled {
            let address: SocketAddress
            do {
                address = left.count == 1 ? left[0] : try await AddressRace.winner(among: left)
            } catch {
                return .unreachable(error)
            }
            left.removeAll { $0 == address }
            attempt = await request(link, at: address, into: sink)
            guard case .unreachable = attempt else { break }
        }
        return attempt
    }

    /// - Parameter address: nil with a proxy, which resolves the name itself.
    private func request(_ link: Link, at address: SocketAddress?, into sink: any PictureSink) async -> Attempt {
        var settings = Self.httpConfiguration(proxy: proxy)
        settings.timeout.read = .init(Limits.downloadIdle)
        if let address, link.literalAddress == nil { settings.dnsOverride = [link.host: address.ipAddress ?? ""] }
        settings.http1_1ConnectionDebugInitializer = { channel in
            ExactRequest.install(in: channel, target: link.target, address: address)
        }
        var request = HTTPClientRequest(url: "\(link.scheme)://\(link.authority)/")
        request.headers = [
            "Host": link.authority, "User-Agent": "fluxq", "Accept": "image/*, */*;q=0.5",
            "Accept-Encoding": "identity", "Connection": "close",
        ]
        let resumePoint = sink.resumePoint
        if let resumePoint {
            request.headers.add(name: "Range", value: "bytes=\(resumePoint.offset)-")
            request.headers.add(name: "If-Range", value: resumePoint.validator)
        }
        do {
            // The address to connect to is a setting of a whole library client, so each request has its own client.
            return try await HTTPClient.withHTTPClient(configuration: settings) { [request] http in
                let response = try await http.execute(request, deadline: .distantFuture)
                return await self.receive(response, from: link, resuming: resumePoint, into: sink)
            }
        } catch {
            return .unreachable(error)
        }
    }

    private func receive(
        _ response: HTTPClientResponse, from link: Link, resuming resumePoint: ResumePoint?,
        into sink: any PictureSink
    ) async -> Attempt {
        let status = response.status.code
        if (300..<400).contains(status), let location = response.headers.first(name: "location") {
            return .redirect(location: location)
        }
        var part: ContentRange?
        if let resumePoint, status == 206 || status == 416 {
            part = ContentRange(response.headers.first(name: "content-range"))
            guard status == 206, part?.start == resumePoint.offset else {
                // The stored part does not fit the host's copy: the next try begins at the first byte.
                if let failure = await begin(BodyHead(), in: sink) { return .over(failure) }
                return .over(failed(link, "it cannot be continued after \(resumePoint.offset) bytes (HTTP \(status))"))
            }
        } else if status != 200 {
            let outcome = failed(link, "it answered with HTTP \(status)")
            guard case .failed(let message) = outcome, Self.isFinal(status) else { return .over(outcome) }
            return .over(.gone(message: message))
        }
        var received = part?.start ?? 0
        let limit = inForce.terms.downloads.maxBytes
        let tooLarge = failed(link, "it is larger than downloads.max_bytes, \(limit) bytes")
        let announced = response.headers.first(name: "content-length").flatMap { Int64($0) }
        if let announced, announced > limit - received { return .over(tooLarge) }
        if part == nil, let failure = await begin(BodyHead(response.headers), in: sink) { return .over(failure) }
        var check = part == nil ? BodyCheck(response.headers) : nil
        var body = response.body.makeAsyncIterator()
        var pieces = GatheredPieces()
        while true {
            let piece: ByteBuffer?
            do {
                piece = try await body.next()
            } catch {
                return .over(failed(link, "it was cut off after \(received) bytes: \(NetworkTrouble.describe(error))"))
            }
            received += Int64(piece?.readableBytes ?? 0)
            guard received <= limit else { return .over(tooLarge) }
            let gathered: ByteBuffer? = if let piece { pieces.add(piece) } else { pieces.take() }
            if let gathered {
                check?.update(gathered)
                do {
                    try await sink.write(gathered)
                } catch {
                    return .over(.notStored(message: redactor.clean("The picture could not be stored: \(error)")))
                }
            }
            guard piece == nil else { continue }
            if let total = part?.total, received != total {
                return .over(failed(link, "it was cut off after \(received) of \(total) bytes"))
            }
            guard check?.isRight != false else {
                if let failure = await begin(BodyHead(), in: sink) { return .over(failure) }
                return .over(failed(link, "its bytes do not match its Content-MD5"))
            }
            return .over(.complete)
        }
    }

    /// - Returns: the outcome of the download if the sink fails to accept the body; nil if it does not fail.
    private func begin(_ head: BodyHead, in sink: any PictureSink) async -> DownloadOutcome? {
        do {
            try await sink.begin(head)
            return nil
        } catch {
            return .notStored(message: redactor.clean("The picture could not be stored: \(error)"))
        }
    }
}
