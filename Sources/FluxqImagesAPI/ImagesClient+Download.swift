import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension ImagesClient {
    package func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
        let limit = inForce.terms.downloads.timeout
        let canceled = DownloadOutcome.failed(message: "The download was canceled.")
        let (outcome, isTimedOut) = await Self.limited(to: limit, otherwise: canceled) {
            await self.fetch(link, into: sink)
        }
        // What was stored whole counts even at the last moment.
        if isTimedOut, outcome != .complete {
            return .failed(message: "The download was not done within \(limit.inWords).")
        }
        return outcome
    }

    /// What came of one request.
    private enum Attempt {
        case redirect(location: String)
        case over(DownloadOutcome)
        /// Nothing was connected to, or nothing came back.
        case unreachable(any Error)
    }

    private func fetch(_ text: String, into sink: any PictureSink) async -> DownloadOutcome {
        var link: Link
        do {
            link = try Link(text)
        } catch {
            return .impossible(message: "The API's link \(error.problem): \(quotation.clean(text, limit: 200))")
        }
        for redirects in 0...Limits.redirects {
            let attempt: Attempt
            do {
                try inForce.guardOfLinks.check(link)
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
                return .failed(message: "Could not fetch from \(link.hostAndPort): \(error.message).")
            } catch {
                return .failed(message: "Could not fetch from \(link.hostAndPort): \(NetworkTrouble.describe(error)).")
            }
            switch attempt {
            case .over(let outcome): return outcome
            case .unreachable(let error):
                return failed(link, NetworkTrouble.describe(error))
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

    /// Statuses of the client's fault that another try does not mend; a time-out and a rate limit pass.
    private static func isFinal(_ status: UInt) -> Bool {
        (400..<500).contains(status) && ![408, 425, 429].contains(status)
    }

    private func failed(_ link: Link, _ reason: String) -> DownloadOutcome {
        .failed(
            message: quotation.clean("Could not fetch from \(link.hostAndPort)\(proxy?.words ?? ""): \(reason)."))
    }

    /// Tries one address after the other until one answers.
    private func request(_ link: Link, at addresses: [SocketAddress], into sink: any PictureSink) async -> Attempt {
        var attempt = Attempt.unreachable(CancellationError())
        for address in addresses.prefix(Limits.addresses) {
            attempt = await request(link, at: address, into: sink)
            guard case .unreachable = attempt, !Task.isCancelled else { break }
        }
        return attempt
    }

    /// - Parameter address: nil through a proxy, which looks the name up itself.
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
        do {
            // Which address to connect to is a setting of the whole library client, so each request has its own.
            return try await HTTPClient.withHTTPClient(configuration: settings) { [request] http in
                let response = try await http.execute(request, deadline: .distantFuture)
                return await self.receive(response, from: link, into: sink)
            }
        } catch {
            return .unreachable(error)
        }
    }

    private func receive(
        _ response: HTTPClientResponse, from link: Link, into sink: any PictureSink
    ) async -> Attempt {
        let status = response.status.code
        if (300..<400).contains(status), let location = response.headers.first(name: "location") {
            return .redirect(location: location)
        }
        guard status == 200 else {
            let outcome = failed(link, "it answered with HTTP \(status)")
            guard case .failed(let message) = outcome, Self.isFinal(status) else { return .over(outcome) }
            return .over(.gone(message: message))
        }
        if let encoding = response.headers[canonicalForm: "content-encoding"].first(where: {
            $0.lowercased() != "identity"
        }) {
            return .over(failed(link, "it came as \(encoding), which was not asked for"))
        }
        let limit = inForce.terms.downloads.maxBytes
        let tooLarge = failed(link, "it is larger than downloads.max_bytes, \(limit) bytes")
        if let length = response.headers.first(name: "content-length").flatMap({ Int64($0) }), length > limit {
            return .over(tooLarge)
        }
        var received: Int64 = 0
        var body = response.body.makeAsyncIterator()
        var pieces = GatheredPieces()
        while true {
            let piece: ByteBuffer?
            do {
                piece = try await body.next()
            } catch {
                return .over(failed(link, "it broke off after \(received) bytes: \(NetworkTrouble.describe(error))"))
            }
            received += Int64(piece?.readableBytes ?? 0)
            guard received <= limit else { return .over(tooLarge) }
            let gathered: ByteBuffer? = if let piece { pieces.add(piece) } else { pieces.take() }
            if let gathered {
                do {
                    try await sink.write(gathered)
                } catch {
                    return .over(.notStored(message: quotation.clean("The picture could not be stored: \(error)")))
                }
            }
            if piece == nil { return .over(.complete) }
        }
    }
}
