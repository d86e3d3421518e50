import FluxqHost
import FluxqTestSupport
import Foundation
import Glibc
import Testing

/// A client's connection at the level of system calls, so that a test decides which bytes are sent and read.
final class RawRequest: Sendable {
    private let descriptor: CInt

    init(to server: DoorServer) throws {
        descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        let address = try #require(UnixSocketAddress(server.socketPath))
        let isConnected = address.withSocketAddress { connect(descriptor, $0, $1) }
        try #require(isConnected == 0)
    }

    func send(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            try #require(count > 0)
            rest = rest.dropFirst(count)
        }
    }

    /// A request for a picture, with a JSON body.
    func ask(_ json: String, headers: [String] = []) throws {
        let head =
            ["POST /v1/images/generations HTTP/1.1", "Host: fluxq", "Content-Length: \(json.utf8.count)"] + headers
        try send((head + ["", json]).joined(separator: "\r\n"))
    }

    /// Reads so many bytes of the answer; without a number a whole answer with a Content-Length, or all but its last
    /// bytes. Less if the connection ends.
    @discardableResult
    func read(_ count: Int? = nil, allBut left: Int = 0) async -> String {
        await OwnThread.run { [descriptor] in
            var bytes: [UInt8] = []
            func end() -> Int? { count ?? Self.length(bytes).map { $0 - left } }
            while bytes.count < end() ?? .max {
                // The length shows once the head has come, byte by byte: what is to be left must not be read.
                let wanted = end().map { min(65536, $0 - bytes.count) } ?? 1
                var buffer = [UInt8](repeating: 0, count: wanted)
                let got = recv(descriptor, &buffer, buffer.count, 0)
                if got <= 0 { break }
                bytes += buffer.prefix(got)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Sends a text, however long the server takes to read it, and reads the answer.
    func exchange(_ text: String) async -> String {
        await OwnThread.run { [self] in
            // A server that has answered need not read the rest.
            do { try send(text) } catch {}
        }
        return await read()
    }

    /// The length of the answer that begins with these bytes, once its head has come.
    private static func length(_ bytes: [UInt8]) -> Int? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n"),
            let field = text.lowercased().firstMatch(of: /content-length: ([0-9]+)/), let length = Int(field.1)
        else { return nil }
        return text[..<end.upperBound].utf8.count + length
    }

    func closeSending() { shutdown(descriptor, CInt(SHUT_WR)) }

    func close() { Glibc.close(descriptor) }
}
