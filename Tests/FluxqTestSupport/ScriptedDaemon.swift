import Foundation
import Synchronization

/// The other end of a Unix socket, doing exactly what a test says, byte for byte: for daemons that misbehave.
package final class ScriptedDaemon: Sendable {
    package typealias Script = @Sendable (ScriptedPeer) throws -> Void

    package let path: String
    private let listener: Int32

    /// Listens at once and then plays one script for each connection, in order; afterwards nobody listens.
    package init(_ path: String, _ scripts: [Script]) throws {
        self.path = path
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw POSIXError(.ENAMETOOLONG) }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) }
        }
        guard bound == 0, listen(listener, 8) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        let thread = Thread { [listener] in
            for script in scripts {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                let peer = ScriptedPeer(connection)
                // A client that goes away ends the script; what the client made of it is what tests look at.
                do { try script(peer) } catch {}
                peer.close()
            }
            close(listener)
        }
        thread.start()
    }
}

/// One connection of a scripted daemon.
package final class ScriptedPeer: Sendable {
    package struct Gone: Error {}

    private let connection: Int32
    private let unread = Mutex<[UInt8]>([])
    private let isClosed = Mutex(false)

    init(_ connection: Int32) {
        self.connection = connection
    }

    /// What a request's head says of its body, in bytes; 0 if it says nothing.
    package static func bodyLength(in head: String) -> Int {
        let field = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        return field?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    /// A request's head up to and without its empty line.
    package func readHead() throws -> String {
        let end = Array("\r\n\r\n".utf8)
        return try unread.withLock { bytes in
            while true {
                if let range = bytes.firstRange(of: end) {
                    let head = String(decoding: bytes[..<range.lowerBound], as: UTF8.self)
                    bytes.removeSubrange(..<range.upperBound)
                    return head
                }
                try receive(into: &bytes)
            }
        }
    }

    /// Exactly so many bytes.
    package func readBody(_ count: Int) throws -> [UInt8] {
        try unread.withLock { bytes in
            while bytes.count < count { try receive(into: &bytes) }
            defer { bytes.removeFirst(count) }
            return Array(bytes.prefix(count))
        }
    }

    /// Reads so many bytes and keeps none.
    package func skip(_ count: Int) throws {
        try unread.withLock { bytes in
            var left = count
            while true {
                if bytes.count >= left { return bytes.removeFirst(left) }
                left -= bytes.count
                bytes.removeAll(keepingCapacity: true)
                try receive(into: &bytes)
            }
        }
    }

    /// A chunked body, its chunks put together.
    package func readChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            guard let size = Int(try readLine(), radix: 16) else { throw Gone() }
            body += try readBody(size)
            _ = try readLine()
            if size == 0 { return body }
        }
    }

    private func readLine() throws -> String {
        var line: [UInt8] = []
        while !line.suffix(2).elementsEqual([13, 10]) { line += try readBody(1) }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }

    /// Until the client closes.
    package func readToEnd() {
        unread.withLock { bytes in
            do {
                while true {
                    bytes.removeAll()
                    try receive(into: &bytes)
                }
            } catch {}
        }
    }

    package func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    package func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Gone() }
            rest = rest.dropFirst(count)
        }
    }

    /// A whole answer with a body of a known length.
    package func answer(_ status: String, _ body: String, type: String = "application/json") throws {
        try send(
            "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// Nothing more will be sent; what the client sends can still be read.
    package func endSending() {
        _ = shutdown(connection, Int32(SHUT_WR))
    }

    package func close() {
        isClosed.withLock { isClosed in
            if !isClosed { Glibc.close(connection) }
            isClosed = true
        }
    }

    /// The port that the client has connected to.
    package func localPort() throws -> Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(connection, $0, &size) }
        }
        guard result == 0 else { throw Gone() }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Ends the connection under whatever its script is doing.
    package func hangUp() {
        isClosed.withLock { if !$0 { _ = shutdown(connection, Int32(SHUT_RDWR)) } }
    }

    /// Waits that long.
    /// - Throws: `Gone` as soon as the client has closed its side.
    package func pause(seconds: Double) throws {
        // POLLRDHUP, which the C library hides from Swift.
        var state = pollfd(fd: connection, events: 0x2000, revents: 0)
        guard poll(&state, 1, Int32(seconds * 1000)) == 0 else { throw Gone() }
    }

    private func receive(into bytes: inout [UInt8]) throws {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = recv(connection, &piece, piece.count, 0)
        guard count > 0 else { throw Gone() }
        bytes += piece[..<count]
    }
}
