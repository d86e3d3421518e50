import CLinux
import Glibc
package import SystemPackage

/// Asks the kernel for one TCP socket of this network namespace, by its two addresses: sock_diag(7). Takes about 0.3 ms
/// and does not wait.
package enum SocketDiagnosis {
    package enum Failure: Error, Hashable, Sendable {
        case system(SystemError)
        /// The kernel does not answer the question.
        case refused(Errno)
        /// The answer is not whole, or not what the kernel documents.
        case malformed
        /// The kernel reports several sockets with these addresses.
        case ambiguous
        /// The kernel does not report a connection that exists: it lacks its part for this question.
        case blind
    }

    private static let maxAnswerBytes = 8 << 10
    private static let sequence: UInt32 = 1

    /// The socket with that local address that is connected to `remote`; nil if there is none.
    package static func report(
        on local: LoopbackAddress, connectedTo remote: LoopbackAddress
    ) throws(Failure) -> TCPSocketReport? {
        guard local.family == remote.family else { return nil }
        // A socket for each question: it belongs to one thread, and has no answer of an earlier one.
        let netlink = socket(
            AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), Int32(FLUXQ_NETLINK_SOCK_DIAG))
        guard netlink >= 0 else { throw .system(SystemError("socket")) }
        defer { close(netlink) }
        try ask(netlink, question(on: local, connectedTo: remote))
        return try report(in: try answer(netlink), on: local, connectedTo: remote)
    }

    /// Asks for a connection that this process makes for that purpose.
    ///
    /// - Throws: if the kernel cannot answer such questions, so that no peer could be identified.
    package static func check() throws(Failure) {
        let listener = try madeSocket()
        defer { close(listener) }
        let client = try madeSocket()
        defer { close(client) }
        let anyPort = LoopbackAddress(.v4(127, 0, 0, 1), port: 0)
        guard anyPort.withSocketAddress({ bind(listener, $0, $1) }) == 0 else { throw .system(SystemError("bind")) }
        guard listen(listener, 1) == 0 else { throw .system(SystemError("listen")) }
        let remote = try name(of: listener)
        // The kernel completes the connection without an accept.
        guard remote.withSocketAddress({ connect(client, $0, $1) }) == 0 else { throw .system(SystemError("connect")) }
        let report = try report(on: try name(of: client), connectedTo: remote)
        guard let report, report.isOpen, report.uid == geteuid() else { throw .blind }
    }

    private static func madeSocket() throws(Failure) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(SystemError("socket")) }
        return descriptor
    }

    private static func name(of descriptor: Int32) throws(Failure) -> LoopbackAddress {
        guard let address = LoopbackAddress(ofSocket: descriptor) else { throw .system(SystemError("getsockname")) }
        return address
    }

    static func question(on local: LoopbackAddress, connectedTo remote: LoopbackAddress) -> [UInt8] {
        var request = fluxq_diag_question()
        request.family = UInt8(local.family)
        request.protocol = UInt8(IPPROTO_TCP)
        request.states = .max
        request.socket.source_port = local.port.bigEndian
        request.socket.destination_port = remote.port.bigEndian
        withUnsafeMutableBytes(of: &request.socket.source) { $0.copyBytes(from: local.host.bytes) }
        withUnsafeMutableBytes(of: &request.socket.destination) { $0.copyBytes(from: remote.host.bytes) }
        // No cookie: whichever socket has the addresses.
        request.socket.cookie = (.max, .max)
        var header = fluxq_netlink_head()
        header.length = UInt32(MemoryLayout<fluxq_netlink_head>.size + MemoryLayout<fluxq_diag_question>.size)
        header.type = UInt16(FLUXQ_SOCK_DIAG_BY_FAMILY)
        header.flags = UInt16(FLUXQ_NLM_F_REQUEST)
        header.sequence = sequence
        return withUnsafeBytes(of: header, Array.init) + withUnsafeBytes(of: request, Array.init)
    }

    private static func ask(_ netlink: Int32, _ question: [UInt8]) throws(Failure) {
        var sent: Int
        repeat { sent = send(netlink, question, question.count, Int32(MSG_NOSIGNAL)) } while sent < 0 && errno == EINTR
        guard sent >= 0 else { throw .system(SystemError("send")) }
        guard sent == question.count else { throw .malformed }
    }

    /// One datagram of the kernel. It is there once the question was sent.
    private static func answer(_ netlink: Int32) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: maxAnswerBytes)
        var sender = fluxq_netlink_address()
        var length = socklen_t(MemoryLayout<fluxq_netlink_address>.size)
        // With MSG_TRUNC the result is the datagram's size, even if it does not fit.
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC)
        var count: Int
        repeat {
            count = withUnsafeMutablePointer(to: &sender) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(netlink, &bytes, bytes.count, flags, $0, &length)
                }
            }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw .system(SystemError("recvfrom")) }
        // 0 is the kernel.
        guard count <= bytes.count, sender.port == 0 else { throw .malformed }
        return Array(bytes.prefix(count))
    }

    /// Reads the messages of a datagram.
    ///
    /// - Returns: nil if the kernel knows no such socket, or names another one: it also reports a listening socket at the
    ///   local address.
    static func report(
        in datagram: [UInt8], on local: LoopbackAddress, connectedTo remote: LoopbackAddress
    ) throws(Failure) -> TCPSocketReport? {
        var found: TCPSocketReport?
        var isAnswered = false
        var rest = datagram[...]
        while !rest.isEmpty {
            guard let header = rest.loaded(fluxq_netlink_head.self),
                Int(header.length) >= MemoryLayout<fluxq_netlink_head>.size,
                Int(header.length) <= rest.count
            else { throw .malformed }
            let body = rest.prefix(Int(header.length)).dropFirst(MemoryLayout<fluxq_netlink_head>.size)
            // The next message begins at a multiple of four.
            rest = rest.dropFirst((Int(header.length) + 3) & ~3)
            guard header.sequence == sequence else { continue }
            switch Int(header.type) {
            case FLUXQ_NLMSG_NOOP, FLUXQ_NLMSG_DONE: continue
            case FLUXQ_NLMSG_ERROR:
                // A negative error number, and the question.
                guard let error = body.loaded(Int32.self) else { throw .malformed }
                let code = Errno(rawValue: -error)
                guard code == .noSuchFileOrDirectory else { throw .refused(code) }
                isAnswered = true
            case FLUXQ_SOCK_DIAG_BY_FAMILY:
                guard let message = body.loaded(fluxq_diag_answer.self) else { throw .malformed }
                isAnswered = true
                guard message.names(local, remote) else { continue }
                guard found == nil else { throw .ambiguous }
                guard let state = TCPSocketReport.State(rawValue: message.state) else { throw .malformed }
                found = TCPSocketReport(
                    uid: message.uid, inode: message.inode, state: state,
                    unreadBytes: message.receive_queue, unacknowledgedBytes: message.send_queue)
            default: throw .malformed
            }
        }
        guard isAnswered else { throw .malformed }
        return found
    }
}

extension ArraySlice<UInt8> {
    /// nil if there are too few bytes.
    fileprivate func loaded<Value: BitwiseCopyable>(_ type: Value.Type) -> Value? {
        guard count >= MemoryLayout<Value>.size else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }
}

extension fluxq_diag_answer {
    /// The end of an IPv4 connection may be an IPv6 socket, whose addresses are written as IPv6 ones.
    fileprivate func names(_ local: LoopbackAddress, _ remote: LoopbackAddress) -> Bool {
        guard [AF_INET, AF_INET6].contains(Int32(family)) else { return false }
        let count = Int32(family) == AF_INET ? 4 : 16
        func host(_ words: some Any) -> LoopbackAddress.Host? {
            withUnsafeBytes(of: words) { LoopbackAddress.Host($0.prefix(count)) }
        }
        return host(socket.source) == local.host && socket.source_port == local.port.bigEndian
            && host(socket.destination) == remote.host && socket.destination_port == remote.port.bigEndian
    }
}
