import FluxqTestSupport
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import FluxqHost

@Suite struct InheritedSocketsTests {
    private let temporary: TemporaryDirectory
    private let ours = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "fluxqd.socket"]

    init() throws {
        temporary = try TemporaryDirectory()
    }

    @Test("a listening Unix socket is used, and not inherited by children")
    func taken() throws {
        let socket = try ListeningSocket.bind(path: temporary.path("control.sock"))
        defer { close(socket.descriptor) }
        #expect(fcntl(socket.descriptor, F_SETFD, 0) == 0)
        let taken = try InheritedSockets.take(environment: ours, first: socket.descriptor)
        #expect(taken == InheritedSockets(control: socket.descriptor, ports: []))
        #expect(fcntl(socket.descriptor, F_GETFD) == FD_CLOEXEC)
    }

    @Test("at descriptor 3, in a process that was started with it; a port follows at 4")
    func descriptorThree() async {
        await #expect(processExitsWith: .exitCode(42)) {
            // Reported by the exit code, because descriptor 3 may be the one that reports expectations.
            func areTaken() throws -> Bool {
                let temporary = try TemporaryDirectory()
                let socket = try ListeningSocket.bind(path: temporary.path("control.sock"))
                let port = try ListeningPort.bind(LoopbackAddress(.v4(127, 0, 0, 1), port: 0))
                guard dup2(socket.descriptor, 3) == 3, dup2(port.descriptor, 4) == 4 else { return false }
                var environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1"]
                guard try InheritedSockets.take(environment: environment) == .init(control: 3, ports: []) else {
                    return false
                }
                environment["LISTEN_FDS"] = "2"
                environment["LISTEN_FDNAMES"] = "fluxqd.socket:http"
                let both = try InheritedSockets.take(environment: environment)
                return both.control == 3 && both.ports.map(\.descriptor) == [4]
                    && both.ports.map(\.address) == [port.address]
            }
            if try areTaken() { exit(42) }
        }
    }

    @Test(
        "if variables are missing, for another process, or of no socket, there is none",
        arguments: [
            [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "1", "LISTEN_FDS": "1"], ["LISTEN_PID": "x", "LISTEN_FDS": "1"],
            ["LISTEN_PID": "\(getpid())"], ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "0"],
        ])
    func none(environment: [String: String]) throws {
        #expect(try InheritedSockets.take(environment: environment, first: 0) == .init(control: nil, ports: []))
    }

    @Test(
        "a count that is no number, or not that of the names, is refused",
        arguments: [
            ("-1", nil), ("one", nil), ("", nil), ("100000", nil), ("1", "http:http"), ("2", "http"), ("1", ""),
        ] as [(String, String?)])
    func count(text: String, names: String?) {
        var environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": text]
        environment["LISTEN_FDNAMES"] = names
        // One name that is empty is a name.
        let isOne = text == "1" && names == ""
        #expect(throws: isOne ? InheritedSockets.Invalid.notListening : .count(text)) {
            try InheritedSockets.take(environment: environment, first: 0)
        }
    }

    @Test("a second control socket is refused, whatever its name is")
    func twoControlSockets() throws {
        // Two descriptors that follow each other, far above those of other tests.
        let null = open("/dev/null", O_RDONLY)
        defer { close(null) }
        let first = fcntl(null, F_DUPFD, 700)
        defer { close(first) }
        try #require(dup2(null, first + 1) == first + 1)
        defer { close(first + 1) }
        for names in [nil, "fluxqd.socket:fluxqd-http.socket"] {
            var environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "2"]
            environment["LISTEN_FDNAMES"] = names
            #expect(throws: InheritedSockets.Invalid.severalControlSockets(2)) {
                try InheritedSockets.take(environment: environment, first: first)
            }
        }
    }

    @Test("a descriptor that is closed is refused")
    func closed() {
        #expect(throws: InheritedSockets.Invalid.failed(SystemError("fcntl", code: .badFileDescriptor))) {
            try InheritedSockets.take(environment: ours, first: 1_000_000)
        }
    }

    @Test(
        "anything but a listening Unix stream socket is refused",
        arguments: [
            (AF_UNIX, SOCK_STREAM, false), (AF_UNIX, SOCK_DGRAM, false), (AF_UNIX, SOCK_SEQPACKET, true),
            (AF_INET, SOCK_STREAM, true),
        ])
    func wrongSocket(_ domain: Int32, _ type: __socket_type, _ isListening: Bool) throws {
        let descriptor = socket(domain, Int32(type.rawValue), 0)
        defer { close(descriptor) }
        if isListening {
            if domain == AF_UNIX {
                let address = try #require(UnixSocketAddress(temporary.path("s")))
                try #require(address.withSocketAddress { Glibc.bind(descriptor, $0, $1) } == 0)
            }
            try #require(listen(descriptor, 1) == 0)
        }
        #expect(throws: InheritedSockets.Invalid.notListening) {
            try InheritedSockets.take(environment: ours, first: descriptor)
        }
    }

    @Test("a file is refused")
    func file() throws {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        #expect(throws: InheritedSockets.Invalid.notListening) {
            try InheritedSockets.take(environment: ours, first: descriptor)
        }
    }

    /// A socket of a port that fluxqd must not serve.
    enum WrongPort: CaseIterable {
        case everyAddress, everyIPv6Address, mappedAddress, notListening, datagrams, unixSocket, file
    }

    @Test("a port that is not a listening TCP socket of a loopback address is refused", arguments: WrongPort.allCases)
    func wrongPort(_ kind: WrongPort) throws {
        let type = Int32((kind == .datagrams ? SOCK_DGRAM : SOCK_STREAM).rawValue)
        let descriptor: Int32
        switch kind {
        case .everyAddress, .notListening, .datagrams: descriptor = socket(AF_INET, type, 0)
        case .everyIPv6Address, .mappedAddress: descriptor = socket(AF_INET6, type, 0)
        case .unixSocket: descriptor = try ListeningSocket.bind(path: temporary.path("s")).descriptor
        case .file: descriptor = open("/dev/null", O_RDONLY)
        }
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        switch kind {
        case .mappedAddress:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            try #require(inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr) == 1)
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
            try #require(bound == 0)
        case .notListening, .datagrams:
            let bound = LoopbackAddress(.v4(127, 0, 0, 1), port: 0).withSocketAddress { Glibc.bind(descriptor, $0, $1) }
            try #require(bound == 0)
        default: break
        }
        // Listening without an address is listening at every address.
        if [.everyAddress, .everyIPv6Address, .mappedAddress].contains(kind) {
            try #require(listen(descriptor, 1) == 0)
        }
        let environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"]
        #expect(throws: InheritedSockets.Invalid.notLoopback) {
            try InheritedSockets.take(environment: environment, first: descriptor)
        }
    }
}
