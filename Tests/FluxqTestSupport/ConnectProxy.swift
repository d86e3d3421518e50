import Dispatch
import Foundation
import Synchronization

/// An HTTP proxy on 127.0.0.1 that accepts only CONNECT. It has its own table of names: `api.test:80`, for example,
/// leads to a port of this host.
package final class ConnectProxy: Sendable {
    package let port: Int
    private let listener: Int32
    private let heads = Mutex<[String]>([])
    private let isStopped = Mutex(false)

    /// - Parameters:
    /// - routes: ports of this host by `host:port`; the answer to any other target is 502.
    ///   - refusal: the status line of the answer to every request; nil opens connections.
    package init(routes: [String: Int], refusal: String? = nil) throws {
        let socket = try LoopbackListener()
        listener = socket.descriptor
        port = socket.port
        Thread { [listener] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                Thread { self.serve(descriptor, routes, refusal) }.start()
            }
        }.start()
    }

    /// The head of each request, without its empty line.
    package var requests: [String] { heads.withLock { $0 } }

    /// The requested targets as `host:port`, in the order of arrival.
    package var targets: [String] {
        requests.compactMap { $0.wholeMatch(of: /CONNECT ([^ ]+) HTTP\/1\.1\r\n(?s:.*)/).map { String($0.1) } }
    }

    /// Stops listening. May be called again.
    package func stop() {
        isStopped.withLock { isStopped in
            if !isStopped {
                shutdown(listener, Int32(SHUT_RDWR))
                close(listener)
            }
            isStopped = true
        }
    }

    private func serve(_ client: Int32, _ routes: [String: Int], _ refusal: String?) {
        defer { close(client) }
        guard let head = Self.readHead(client) else { return }
        heads.withLock { $0.append(head) }
        if let refusal { return Self.send("HTTP/1.1 \(refusal)\r\nContent-Length: 0\r\n\r\n", to: client) }
        guard let target = head.split(separator: " ").dropFirst().first, head.hasPrefix("CONNECT "),
            let port = routes[String(target)], let server = Self.connected(to: port)
        else {
            return Self.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", to: client)
        }
        defer { close(server) }
        Self.send("HTTP/1.1 200 Connection established\r\n\r\n", to: client)
        let back = DispatchSemaphore(value: 0)
        Thread {
            Self.pass(from: server, to: client)
            back.signal()
        }.start()
        Self.pass(from: client, to: server)
        back.wait()
    }

    /// Copies bytes until the source has ended, and then ends the target's input.
    private static func pass(from source: Int32, to target: Int32) {
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &piece, piece.count, 0)
            guard count > 0 else { break }
            var sent = 0
            while sent < count {
                let taken = piece[sent..<count].withUnsafeBytes {
                    Glibc.send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard taken > 0 else { break }
                sent += taken
            }
            guard sent == count else { break }
        }
        shutdown(target, Int32(SHUT_WR))
    }

    /// Reads byte by byte, because the bytes after the head belong to the tunnel.
    private static func readHead(_ client: Int32) -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard recv(client, &byte, 1, 0) == 1 else { return nil }
            bytes.append(byte)
        }
        return String(decoding: bytes.dropLast(4), as: UTF8.self)
    }

    private static func send(_ text: String, to client: Int32) {
        _ = Array(text.utf8).withUnsafeBytes { Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    private static func connected(to port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return descriptor }
        close(descriptor)
        return nil
    }
}
