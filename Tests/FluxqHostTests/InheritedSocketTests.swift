import FluxqTestSupport
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import FluxqHost

@Suite struct InheritedSocketTests {
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
        #expect(try InheritedSocket.take(environment: ours, descriptor: socket.descriptor) == socket.descriptor)
        #expect(fcntl(socket.descriptor, F_GETFD) == FD_CLOEXEC)
    }

    @Test("at descriptor 3, in a process that was started with it")
    func descriptorThree() async {
        await #expect(processExitsWith: .exitCode(42)) {
            // Reported by the exit code, because descriptor 3 may be the one that reports expectations.
            func isTaken() throws -> Bool {
                let temporary = try TemporaryDirectory()
                let socket = try ListeningSocket.bind(path: temporary.path("control.sock"))
                guard dup2(socket.descriptor, 3) == 3 else { return false }
                let environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1"]
                return try InheritedSocket.take(environment: environment) == 3
            }
            if try isTaken() { exit(42) }
        }
    }

    @Test(
        "if variables are missing, for another process, or of no socket, there is none",
        arguments: [
            [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "1", "LISTEN_FDS": "1"], ["LISTEN_PID": "x", "LISTEN_FDS": "1"],
            ["LISTEN_PID": "\(getpid())"], ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "0"],
        ])
    func none(environment: [String: String]) throws {
        #expect(try InheritedSocket.take(environment: environment, descriptor: 0) == nil)
    }

    @Test("a count other than one, or one that is no number, is refused", arguments: ["2", "-1", "one", ""])
    func count(text: String) {
        let environment = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": text]
        #expect(throws: InheritedSocket.Invalid.count(text)) {
            try InheritedSocket.take(environment: environment, descriptor: 0)
        }
    }

    @Test("a descriptor that is closed is refused")
    func closed() {
        #expect(throws: InheritedSocket.Invalid.failed(SystemError("fcntl", code: .badFileDescriptor))) {
            try InheritedSocket.take(environment: ours, descriptor: 1_000_000)
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
        #expect(throws: InheritedSocket.Invalid.notListening) {
            try InheritedSocket.take(environment: ours, descriptor: descriptor)
        }
    }

    @Test("a file is refused")
    func file() throws {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        #expect(throws: InheritedSocket.Invalid.notListening) {
            try InheritedSocket.take(environment: ours, descriptor: descriptor)
        }
    }
}
