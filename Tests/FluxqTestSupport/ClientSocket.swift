import Foundation

/// A client's TCP socket, for tests that look at its state or that break a connection off.
package final class ClientSocket: Sendable {
    package let descriptor: Int32

    /// - Parameter family: AF_INET or AF_INET6.
    package init(family: Int32 = AF_INET) throws {
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure }
    }

    deinit { Glibc.close(descriptor) }

    /// Makes a system call on the descriptor. `body` returns its result: 0, or another number if it failed.
    package func call(_ body: (Int32) -> Int32) throws {
        guard body(descriptor) == 0 else { throw Self.failure }
    }

    package func send(_ text: String) throws {
        guard Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count else {
            throw Self.failure
        }
    }

    /// Reads up to that many bytes; blocks until there is one.
    package func read(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = recv(descriptor, &bytes, count, 0)
        guard result >= 0 else { throw Self.failure }
        return Array(bytes.prefix(result))
    }

    /// Closes the sending side.
    package func finish() throws { try call { shutdown($0, Int32(SHUT_WR)) } }

    /// Closes it, and keeps the descriptor's number until this object is gone.
    package func close() throws {
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { Glibc.close(nothing) }
        guard nothing >= 0, dup2(nothing, descriptor) == descriptor else { throw Self.failure }
    }

    /// Closes it so that the other end is reset.
    package func reset() throws {
        var linger = linger(l_onoff: 1, l_linger: 0)
        try call { setsockopt($0, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size)) }
        try close()
    }

    private static var failure: POSIXError { POSIXError(.init(rawValue: errno) ?? .EIO) }
}
