import FluxqFormats
import FoundationEssentials
import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore

/// Answers every request: pictures under `/v1/images/generations`, links under `/files/`, 404 for all others.
struct SandboxResponder: Sendable {
    let configuration: Sandbox.Configuration
    let ledger: LedgerWriter
    let signer: FileLinkSigner
    let live = LiveCalls()
    /// Calls of the same order, for `sandbox:times`.
    let calls = CallCounter()
    /// Downloads of the same link, for `sandbox:flaky-link` and `sandbox:cut-link`.
    let downloads = CallCounter()
    let logger: Logger

    /// Thrown to the server to close the connection without finishing the answer.
    struct BrokenOff: Error {}

    func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        try live.begin(channel)
        defer { live.end(channel) }
        let target = request.head.path ?? ""
        if request.method == .post, target == "/v1/images/generations" {
            try await generate(request, writer, channel)
        } else if request.method == .get || request.method == .head, target.hasPrefix(FileLinkSigner.root) {
            try await serveFile(request, target: target, writer)
        } else {
            let error = VendorError(
                status: 404, type: "invalid_request_error", code: "not_found",
                message: "\(request.method.rawValue) \(request.uri.path) is not here; the sandbox answers "
                    + "POST /v1/images/generations and the links that it gave out")
            try await send(error.body(requestID: Self.newRequestID()), status: 404, to: writer)
        }
    }

    static func newRequestID() -> String {
        "req-\(hexadecimal((0..<12).map { _ in UInt8.random(in: .min ... .max) }))"
    }

    /// The start of every URL of this sandbox.
    static func origin(_ channel: any Channel) -> String {
        "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    func send(
        _ json: JSONValue, status: Int, headers: HTTPFields = [:], to writer: consuming ResponseWriter
    ) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = Array(try encoder.encode(json))
        try await send(body, type: "application/json", status: status, headers: headers, to: writer)
    }

    func send(
        _ body: [UInt8], type: String, status: Int, headers: HTTPFields = [:], to writer: consuming ResponseWriter
    ) async throws {
        var pieces = [body].makeIterator()
        try await send(&pieces, count: body.count, type: type, status: status, headers: headers, to: writer)
    }

    /// Sends pieces as they are made.
    ///
    /// - Parameter breakingOff: true to send half of them and throw `BrokenOff`.
    func send(
        _ pieces: inout some IteratorProtocol<[UInt8]>, count: Int, type: String, status: Int,
        headers: HTTPFields = [:], breakingOff: Bool = false, to writer: consuming ResponseWriter
    ) async throws {
        var headers = headers
        headers[.contentType] = type
        headers[.contentLength] = "\(count)"
        var body = try await writer.writeHead(HTTPResponse(status: .init(code: status), headerFields: headers))
        var remaining = breakingOff ? count / 2 : count
        while remaining > 0, let piece = pieces.next() {
            try await body.write(ByteBuffer(bytes: piece.prefix(remaining)))
            remaining -= piece.count
        }
        if breakingOff { throw BrokenOff() }
        try await body.finish(nil)
    }

    /// Closes the connection so that the client sees a reset.
    func reset(_ channel: any Channel) async throws -> Never {
        if let socket = channel as? any SocketOptionProvider {
            try await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        throw BrokenOff()
    }

    func page(status: Int) -> [UInt8] {
        Array(
            "<!DOCTYPE html>\n<html><head><title>\(status)</title></head><body><h1>\(status)</h1></body></html>\n".utf8)
    }
}
