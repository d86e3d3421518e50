import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqHost

@Suite("A listening port")
struct ListeningPortTests {
    private static let anyPort = LoopbackAddress(.v4(127, 0, 0, 1), port: 0)

    @Test(
        "is bound to a loopback address, answers at once, and is not inherited",
        arguments: [anyPort, .init(.v6, port: 0)])
    func bound(address: LoopbackAddress) throws {
        let port = try ListeningPort.bind(address)
        defer { close(port.descriptor) }
        #expect(port.address.host == address.host && port.address.port != 0)
        #expect(fcntl(port.descriptor, F_GETFD) == FD_CLOEXEC)
        let client = try ClientSocket(family: address.family)
        try client.call { descriptor in port.address.withSocketAddress { connect(descriptor, $0, $1) } }
        // Systemd's ports are read back in the same way.
        #expect(ListeningPort(descriptor: port.descriptor) == port)
    }

    @Test("that somebody else listens on is reported as taken", arguments: [true, false])
    func taken(isExactly: Bool) throws {
        // At that address, or at every one.
        let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(other) }
        if isExactly {
            try #require(Self.anyPort.withSocketAddress { bind(other, $0, $1) } == 0)
        }
        try #require(listen(other, 1) == 0)
        var name = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(other, $0, &length) }
        }
        try #require(status == 0)
        let address = LoopbackAddress(.v4(127, 0, 0, 1), port: UInt16(bigEndian: name.sin_port))
        #expect(throws: ListeningPortError.inUse(address)) { try ListeningPort.bind(address) }
    }

    @Test("can be bound again while connections of its last program are in TIME_WAIT")
    func again() throws {
        let port = try ListeningPort.bind(Self.anyPort)
        let client = try ClientSocket()
        try client.call { descriptor in port.address.withSocketAddress { connect(descriptor, $0, $1) } }
        let accepted = accept(port.descriptor, nil, nil)
        // The side that closes first waits.
        close(accepted)
        #expect(try client.read(1).isEmpty)
        try client.close()
        close(port.descriptor)
        let next = try ListeningPort.bind(port.address)
        #expect(next.address == port.address)
        close(next.descriptor)
    }

    @Test("below 1024 is refused to an ordinary user")
    func low() async {
        await #expect(processExitsWith: .success) {
            let address = LoopbackAddress(.v4(127, 0, 0, 1), port: 7)
            Unprivileged.run {
                #expect(throws: ListeningPortError.notPermitted(address)) { try ListeningPort.bind(address) }
            }
        }
    }
}
