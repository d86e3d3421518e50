package import FluxqHost
import Glibc

/// A connection to the daemon that sends arbitrary bytes.
package final class RawSocket {
    private let descriptor: Int32

    /// A connection to the Unix socket at `path`; nil if it is refused.
    ///
    /// - Parameter patience: how long a call may block, in seconds.
    package convenience init?(_ path: String, patience: Int = 2) {
        self.init(family: AF_UNIX, patience: patience)
        guard let address = UnixSocketAddress(path),
            address.withSocketAddress({ connect(descriptor, $0, $1) }) == 0
        else { return nil }
    }

    /// A connection to a TCP port; nil if it is refused.
    package convenience init?(_ port: LoopbackAddress, patience: Int = 2) {
        self.init(family: port.family, patience: patience)
        guard port.withSocketAddress({ connect(descriptor, $0, $1) }) == 0 else { return nil }
    }

    private init?(family: Int32, patience: Int) {
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var patience = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Has the connection reset when this object is gone, not closed in order.
    package func resetAtEnd() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// - Returns: true if everything was sent; false if the peer has closed or does not read.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Receives the next bytes; empty at the end of the stream and after a timeout.
    ///
    /// - Parameters:
    ///   - most: how many bytes to take from the kernel. The peer can tell that the others were not taken.
    ///   - waits: whether to wait for bytes that have not arrived yet.
    package func receive(most: Int = 64 << 10, waits: Bool = true) -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: most)
        let flags = waits ? 0 : Int32(MSG_DONTWAIT)
        var count: Int
        repeat { count = recv(descriptor, &piece, piece.count, flags) } while count < 0 && errno == EINTR
        return Array(piece.prefix(max(0, count)))
    }

    /// Receives everything until the peer closes.
    package func receiveAll() -> String {
        var all: [UInt8] = []
        while case let piece = receive(), !piece.isEmpty { all += piece }
        return String(decoding: all, as: UTF8.self)
    }
}
