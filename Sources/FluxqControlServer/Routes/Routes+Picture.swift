import FluxqArchive
import FluxqControl
import FluxqMaintenance
import FluxqModel
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Routes {
    /// The bytes of an archived picture that the caller is known to own: all, a part, or the status "not modified".
    ///
    /// - Returns: nil if the archive no longer has the picture intact; see `Quarantine`.
    func response(with picture: ReadableContent, to call: Call) async throws -> Response? {
        let tag = "\"\(picture.hash)\""
        var headers: HTTPFields = [
            .eTag: tag, .acceptRanges: "bytes", .cacheControl: "private, no-cache",
            // The media type is correct; clients must not guess another.
            .xContentTypeOptions: "nosniff",
            // Pages of other sites must not show it.
            .crossOriginResourcePolicy: "same-origin",
        ]
        if call.head.headerFields[.ifNoneMatch].map({ Self.lists($0, tag) }) == true {
            return Response(status: .notModified, headers: headers)
        }
        // Reads the whole file, to verify it.
        let opened = try await perUserLock.take(call.caller.uid) { try await quarantine.open(picture.hash) }
        guard let file = opened else { return nil }
        let size = file.size
        // A part of this content is useless to a client that has a part of other content (RFC 9110, 13.1.5).
        let condition = call.head.headerFields[.ifRange]
        let range = condition == nil || condition == tag ? call.head.headerFields[.range] : nil

        let bytes: Range<Int64>
        var status = HTTPResponse.Status.ok
        switch ByteRange(range, size: size) {
        case .whole:
            bytes = 0..<size
        case .part(let part):
            bytes = Range(part)
            status = .partialContent
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound)/\(size)"
        case .unsatisfiable:
            var response = Response(.rangeNotSatisfiable(size: size))
            response.headers[.contentRange] = "bytes */\(size)"
            return response
        }
        headers[.contentType] = picture.mediaType
        return Response(
            status: status, headers: headers,
            body: ResponseBody(contentLength: bytes.count) { writer in
                var offset = bytes.lowerBound
                while offset < bytes.upperBound {
                    let count = min(Int64(Limits.pieceBytes), bytes.upperBound - offset)
                    let piece = try await file.read(at: offset, count: Int(count))
                    guard piece.readableBytes > 0 else { throw ShrunkFile(hash: picture.hash) }
                    offset += Int64(piece.readableBytes)
                    try await writer.write(piece)
                }
                try await writer.finish(nil)
            })
    }

    /// True if a list of entity tags contains this one; weak tags compare as strong.
    private static func lists(_ header: String, _ tag: String) -> Bool {
        header.split(separator: ",").contains { item in
            let item = item.drop { $0 == " " || $0 == "\t" }
            let text = item.hasPrefix("W/") ? item.dropFirst(2) : item
            return text == "*" || text.prefix(while: { $0 != " " && $0 != "\t" }) == tag
        }
    }

    /// An archived file became shorter while it was read.
    private struct ShrunkFile: Error {
        let hash: ContentHash
    }
}
