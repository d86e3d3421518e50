import Foundation
import Synchronization

/// A server on a Unix socket that sends exactly the bytes of a test's script, to simulate daemons that misbehave.
package final class ScriptedDaemon: Sendable {
    package typealias Script = @Sendable (ScriptedPeer) throws -> Void

    package let path: String
    private let listener: Int32

    /// Listens immediately and plays one script for each connection, in order. After the last one it closes the socket.
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
                // A client that disconnects ends the script. Tests check the client's behaviour.
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

    /// The length of a request's body according to its head, in bytes; 0 if the head has no length.
    package static func bodyLength(in head: String) -> Int {
        let field = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        return field?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    /// Reads a request's head, without its empty line.
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

    /// Reads exactly that many bytes.
    package func readBody(_ count: Int) throws -> [UInt8] {
        try unread.withLock { bytes in
            while bytes.count < count { try receive(into: &bytes) }
            defer { bytes.removeFirst(count) }
            return Array(bytes.prefix(count))
        }
    }

    /// Reads that many bytes and discards them.
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

    /// Reads a chunked body and joins its chunks.
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

    /// Reads until the client closes.
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

    /// Sends a complete answer with a body of a known length.
    package func answer(_ status: String, _ body: String, type: String = "application/json") throws {
        try send(
            "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// Ends the sending direction; data from the client can still be read.
    package func endSending() {
        _ = shutdown(connection, Int32(SHUT_WR))
    }

    package func close() {
        isClosed.withLock { isClosed in
            if !isClosed { Glibc.close(connection) }
            isClosed = true
        }
    }

    /// The port to which the client has connected.
    package func localPort() throws -> Int {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(connection, $0, &size) }
        }
        guard result == 0 else { throw Gone() }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Closes the connection even while its script runs.
    package func hangUp() {
        isClosed.withLock { if !$0 { _ = shutdown(connection, Int32(SHUT_RDWR)) } }
    }

    /// Waits for that time.
    /// - Throws: `Gone` as soon as the client has closed its side.
    package func pause(seconds: Double) throws {
        // POLLRDHUP, which the C library does not export to Swift.
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
