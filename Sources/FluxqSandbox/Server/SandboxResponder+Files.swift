import FluxqHost
import Glibc
import HTTPTypes
import HummingbirdCore

/// Links: `/files/<opaque>.png?Expires=…&Signature=…`.
extension SandboxResponder {
    func serveFile(_ request: Request, target: String, _ writer: consuming ResponseWriter) async throws {
        // Some picture hosts reject the API's key as a wrong password.
        guard request.headers[.authorization] == nil else {
            return try await refuseFile(401, "send no Authorization header: the link is enough", request, writer)
        }
        guard let link = signer.read(target) else {
            return try await refuseFile(403, "the signature does not match: use the link as it is", request, writer)
        }
        guard HostClock.wallSeconds() < link.expires else {
            return try await refuseFile(403, "the link has expired", request, writer)
        }
        if let seconds = link.traits.slowSeconds { try await live.pause(for: .seconds(seconds)) }
        if let status = link.traits.dead { return try await refuseFile(status, "the file is gone", request, writer) }
        if let hops = link.traits.hops, hops > 0 {
            var next = link
            next.traits.hops = hops - 1
            let location = try signer.target(next)
            return try await refuseFile(302, "it is elsewhere", headers: [.location: location], request, writer)
        }

        var pieces = ResultBytes(link.picture, inline: false)
        let type = link.picture.content.mediaType ?? (link.traits.jpeg == true ? "image/JPEG" : "image/png")
        guard request.method == .get else {
            let headers: HTTPFields = [.contentType: type, .contentLength: "\(pieces.count)"]
            return try await writer.writeResponse(HTTPResponse(status: .ok, headerFields: headers))
        }
        let time = link.traits.flaky == nil && link.traits.cut == nil ? 0 : downloads.next(target)
        if time <= link.traits.flaky ?? 0, time > 0 {
            return try await refuseFile(503, "try again", request, writer)
        }
        // Downloads that failed with 503 do not count as broken off.
        let cut = time > 0 && time <= (link.traits.flaky ?? 0) + (link.traits.cut ?? 0)
        if let coding = link.traits.coding {
            let body = PackedBody.pack(&pieces, as: coding)
            var packed = [body].makeIterator()
            let headers: HTTPFields = coding.hasPrefix("unsaid-") ? [:] : [.contentEncoding: PackedBody.said(coding)]
            return try await send(
                &packed, count: body.count, type: type, status: 200, headers: headers, breakingOff: cut, to: writer)
        }
        guard link.traits.whole != true else {
            return try await send(&pieces, count: pieces.count, type: type, status: 200, breakingOff: cut, to: writer)
        }
        let tag = "\"\(link.picture.identity)-\(pieces.count)\""
        var headers: HTTPFields = [.eTag: tag, .acceptRanges: "bytes"]
        guard let start = start(of: request, tag: tag) else {
            return try await send(
                &pieces, count: pieces.count, type: type, status: 200, headers: headers, breakingOff: cut, to: writer)
        }
        let count = pieces.count
        headers[.contentRange] = start < count ? "bytes \(start)-\(count - 1)/\(count)" : "bytes */\(count)"
        guard start < count else {
            return try await refuseFile(416, "there is nothing more", headers: headers, request, writer)
        }
        var rest = RestOfPieces(pieces, from: start)
        try await send(
            &rest, count: count - start, type: type, status: 206, headers: headers, breakingOff: cut, to: writer)
    }

    /// The offset at which a request for the rest begins; nil if it is for the whole file.
    private func start(of request: Request, tag: String) -> Int? {
        guard let range = request.headers[.range], range.hasPrefix("bytes="), range.hasSuffix("-"),
            request.headers[.ifRange].map({ $0 == tag }) ?? true
        else { return nil }
        return Int(range.dropFirst(6).dropLast())
    }

    /// The bytes from an offset on.
    private struct RestOfPieces: IteratorProtocol {
        private var pieces: ResultBytes
        private var left: Int

        init(_ pieces: ResultBytes, from start: Int) {
            self.pieces = pieces
            left = start
        }

        mutating func next() -> [UInt8]? {
            while let piece = pieces.next() {
                guard piece.count <= left else {
                    defer { left = 0 }
                    return Array(piece.dropFirst(left))
                }
                left -= piece.count
            }
            return nil
        }
    }

    /// An error in the form of the object stores that host such links.
    private func refuseFile(
        _ status: Int, _ message: String, headers: HTTPFields = [:], _ request: Request,
        _ writer: consuming ResponseWriter
    ) async throws {
        let body = Array("<Error><Code>\(status)</Code><Message>\(message)</Message></Error>\n".utf8)
        guard request.method != .head else {
            var headers = headers
            headers[.contentLength] = "\(body.count)"
            return try await writer.writeResponse(HTTPResponse(status: .init(code: status), headerFields: headers))
        }
        try await send(body, type: "application/xml", status: status, headers: headers, to: writer)
    }
}
