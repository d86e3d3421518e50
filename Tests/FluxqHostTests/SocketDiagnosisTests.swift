import FluxqTestSupport
import Foundation
import SystemPackage
import Testing

@testable import FluxqHost

/// A connection within this process. The listener has not accepted it yet.
private struct Pair: Sendable {
    let listener: ListeningPort
    let client: ClientSocket
    let connection: LoopbackConnection

    /// - Parameter isMapped: true if the client is an IPv6 socket that connects to an IPv4 address.
    init(_ host: LoopbackAddress.Host, isMapped: Bool = false) throws {
        listener = try ListeningPort.bind(LoopbackAddress(host, port: 0))
        client = try ClientSocket(family: isMapped ? AF_INET6 : listener.address.family)
        if isMapped {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = listener.address.port.bigEndian
            try #require(inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr) == 1)
            try client.call { descriptor in
                withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                    }
                }
            }
        } else {
            let address = listener.address
            try client.call { descriptor in address.withSocketAddress { connect(descriptor, $0, $1) } }
        }
        let peer = try #require(LoopbackAddress(ofSocket: client.descriptor))
        connection = LoopbackConnection(own: listener.address, peer: peer)
    }

    func end() { close(listener.descriptor) }
}

@Suite("The kernel's report on the other end of a connection", .timeLimit(.minutes(30)))
struct SocketDiagnosisTests {
    private static let v4 = LoopbackAddress.Host.v4(127, 0, 0, 1)

    @Test(
        "names the user and the socket, also of an IPv6 socket with an IPv4 address",
        arguments: [(v4, false), (.v4(127, 9, 8, 7), false), (.v6, false), (v4, true)])
    func open(host: LoopbackAddress.Host, isMapped: Bool) throws {
        let pair = try Pair(host, isMapped: isMapped)
        defer { pair.end() }
        var status = stat()
        try pair.client.call { fstat($0, &status) }
        let report = try #require(try pair.connection.peerReport())
        #expect(report.uid == geteuid() && report.inode == UInt32(truncatingIfNeeded: status.st_ino))
        #expect(report.state == .established && report.isOpen && report.unreadBytes == 0)
    }

    @Test("says whether the peer has read everything", arguments: [v4, .v6])
    func reading(host: LoopbackAddress.Host) async throws {
        let pair = try Pair(host)
        defer { pair.end() }
        let accepted = accept(pair.listener.descriptor, nil, nil)
        defer { close(accepted) }
        #expect(try pair.connection.peerHasReadEverything() == true)
        try #require(send(accepted, [UInt8](repeating: 7, count: 1000), 1000, 0) == 1000)
        #expect(try pair.connection.peerHasReadEverything() == false)
        try await Observation.wait { try pair.connection.peerReport()?.unreadBytes == 1000 }
        #expect(try pair.client.read(400).count == 400)
        #expect(try pair.connection.peerReport()?.unreadBytes == 600)
        #expect(try pair.connection.peerHasReadEverything() == false)
        #expect(try pair.client.read(1000).count == 600)
        try await Observation.wait { try pair.connection.peerHasReadEverything() == true }
        try pair.client.close()
        #expect(try pair.connection.peerHasReadEverything() == nil)
    }

    @Test("is not of an open socket once the peer has closed it, half closed it, or reset it")
    func closed() throws {
        let closed = try Pair(Self.v4)
        defer { closed.end() }
        try closed.client.close()
        // Root's uid, if any: so this must never count as root.
        let report = try closed.connection.peerReport()
        #expect(report?.isOpen != true && report?.inode ?? 0 == 0 && report?.uid ?? 0 == 0)

        let half = try Pair(.v6)
        defer { half.end() }
        try half.client.finish()
        let halfReport = try #require(try half.connection.peerReport())
        #expect(!halfReport.isOpen && halfReport.inode != 0 && halfReport.state != .established)

        let reset = try Pair(Self.v4)
        defer { reset.end() }
        try reset.client.reset()
        #expect(try reset.connection.peerReport() == nil)
    }

    @Test("is not of an open socket while the addresses are in TIME_WAIT")
    func timeWait() throws {
        let pair = try Pair(Self.v4)
        defer { pair.end() }
        let accepted = accept(pair.listener.descriptor, nil, nil)
        try pair.client.close()
        close(accepted)
        let report = try pair.connection.peerReport()
        #expect(report?.isOpen != true && report?.inode ?? 0 == 0)
    }

    @Test("is missing for addresses without a connection, even if somebody listens there")
    func missing() throws {
        let pair = try Pair(Self.v4)
        defer { pair.end() }
        let (own, peer) = (pair.connection.own, pair.connection.peer)
        let other = LoopbackAddress(.v4(127, 0, 0, 2), port: peer.port)
        for connection in [
            LoopbackConnection(own: LoopbackAddress(Self.v4, port: 1), peer: own), .init(own: other, peer: own),
            .init(own: own, peer: other), .init(own: other, peer: peer),
            .init(own: own, peer: LoopbackAddress(.v6, port: peer.port)),
        ] {
            #expect(try connection.peerReport() == nil)
            #expect(try connection.peerHasReadEverything() == nil)
        }
        #expect(try LoopbackConnection(own: peer, peer: own).peerReport()?.state == .established)
    }

    @Test("is missing for a peer in another network namespace", .enabled(if: OtherNetwork.isPossible))
    func otherNetwork() async throws {
        let (pair, seenThere) = try await OtherNetwork.run {
            let pair = try Pair(Self.v4)
            return (pair, try pair.connection.peerReport())
        }
        defer { pair.end() }
        #expect(seenThere?.isOpen == true)
        #expect(try pair.connection.peerReport() == nil)
    }

    @Test("can be had on this host")
    func check() throws {
        try SocketDiagnosis.check()
    }
}

/// Answers of the kernel, and such as it never gives.
@Suite("An answer of sock_diag")
struct SocketDiagnosisAnswerTests {
    private static let local = LoopbackAddress(.v4(127, 0, 0, 1), port: 0x1234)
    private static let remote = LoopbackAddress(.v4(127, 0, 0, 1), port: 7839)

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value, Array.init) }

    /// - Parameters:
    ///   - length: as the message claims; nil for the true one.
    private static func message(type: UInt16, sequence: UInt32 = 1, length: UInt32? = nil, _ body: [UInt8]) -> [UInt8] {
        bytes(length ?? UInt32(16 + body.count)) + bytes(type) + bytes(UInt16(0)) + bytes(sequence) + bytes(UInt32(0))
            + body
    }

    private static func report(
        uid: UInt32 = 1234, state: UInt8 = 1, from local: LoopbackAddress = local, family: UInt8 = 2
    ) -> [UInt8] {
        func padded(_ host: LoopbackAddress.Host) -> [UInt8] {
            let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + host.bytes
            return family == 10 ? mapped : host.bytes + [UInt8](repeating: 0, count: 12)
        }
        return [family, state, 0, 0] + bytes(local.port.bigEndian) + bytes(remote.port.bigEndian) + padded(local.host)
            + padded(remote.host) + bytes(UInt32(0)) + bytes(UInt64(0)) + bytes(UInt32(0)) + bytes(UInt32(5))
            + bytes(UInt32(6)) + bytes(uid) + bytes(UInt32(99))
    }

    private static func error(_ code: Int32) -> [UInt8] { bytes(-code) + [UInt8](repeating: 0, count: 16) }

    private func read(_ datagram: [UInt8]) throws -> TCPSocketReport? {
        try SocketDiagnosis.report(in: datagram, on: Self.local, connectedTo: Self.remote)
    }

    @Test("with the socket that was asked for is read, with attributes behind it, and between other messages")
    func found() throws {
        let expected = TCPSocketReport(
            uid: 1234, inode: 99, state: .established, unreadBytes: 5, unacknowledgedBytes: 6)
        let message = Self.message(type: 20, Self.report())
        #expect(try read(message) == expected)
        #expect(try read(Self.message(type: 20, Self.report() + [5, 0, 8, 0, 0, 0, 0, 0])) == expected)
        // The last message may lack its padding.
        #expect(try read(Self.message(type: 20, Self.report() + [5, 0, 8, 0, 0])) == expected)
        #expect(try read(Self.message(type: 20, Self.report(family: 10))) == expected)
        let stray = Self.message(type: 20, sequence: 2, Self.report(uid: 0))
        #expect(try read(stray + message + Self.message(type: 3, Self.bytes(UInt32(0)))) == expected)
        let other = Self.message(type: 20, Self.report(uid: 0, from: LoopbackAddress(.v4(127, 0, 0, 1), port: 1)))
        #expect(try read(other + message) == expected)
    }

    @Test("without it is no report")
    func missing() throws {
        #expect(try read(Self.message(type: 2, Self.error(ENOENT))) == nil)
        let listener = Self.report(uid: 0, state: 10, from: LoopbackAddress(.v4(127, 0, 0, 2), port: 0x1234))
        #expect(try read(Self.message(type: 20, listener)) == nil)
    }

    @Test(
        "that is anything else is an error",
        arguments: [
            ([], .malformed), ([1, 2, 3], .malformed),
            (message(type: 20, sequence: 2, report()), .malformed),
            (message(type: 3, bytes(UInt32(0))), .malformed),
            (message(type: 20, Array(report().dropLast())), .malformed),
            (message(type: 20, length: 15, report()), .malformed),
            (message(type: 20, length: 0, report()), .malformed),
            (message(type: 20, length: 89, report()), .malformed),
            (message(type: 20, length: .max, report()), .malformed),
            (message(type: 20, report(state: 0)), .malformed), (message(type: 20, report(state: 13)), .malformed),
            (message(type: 2, [1, 2]), .malformed), (message(type: 4, []), .malformed),
            (message(type: 21, report()), .malformed),
            (message(type: 2, error(EPERM)), .refused(.notPermitted)),
            (message(type: 2, error(EINVAL)), .refused(.invalidArgument)),
            (message(type: 20, report()) + message(type: 20, report()), .ambiguous),
            (message(type: 20, report()) + message(type: 20, report(uid: 0, family: 10)), .ambiguous),
        ] as [([UInt8], SocketDiagnosis.Failure)])
    func wrong(datagram: [UInt8], failure: SocketDiagnosis.Failure) {
        #expect(throws: failure) { try read(datagram) }
    }
}
