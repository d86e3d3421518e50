import FluxqTestSupport
import Foundation
import Glibc
import Testing

@testable import FluxqHost

@Suite struct ListeningSocketTests {
    private let temporary: TemporaryDirectory
    private var path: String { temporary.path("control.sock") }

    init() throws {
        temporary = try TemporaryDirectory()
    }

    private func refusal(_ path: String) -> ListeningSocketError? {
        do throws(ListeningSocketError) {
            let socket = try ListeningSocket.bind(path: path)
            close(socket.descriptor)
            try socket.removeName()
            return nil
        } catch { return error }
    }

    private func connects() throws -> Bool {
        let address = try #require(UnixSocketAddress(path))
        let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        return address.withSocketAddress { connect(client, $0, $1) } == 0
    }

    @Test("a bound socket accepts all users, is closed on exec, and its name is removed with it")
    func binds() throws {
        let listening = try ListeningSocket.bind(path: path)
        defer { close(listening.descriptor) }
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o666)
        #expect(fcntl(listening.descriptor, F_GETFD) == FD_CLOEXEC)
        #expect(try connects())
        try listening.removeName()
        #expect(lstat(path, &status) == -1)
        try listening.removeName()
    }

    @Test("another mode can be set")
    func mode() throws {
        let listening = try ListeningSocket.bind(path: path, mode: 0o600)
        defer { close(listening.descriptor) }
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o600)
    }

    @Test("a stale socket is replaced")
    func stale() throws {
        close(try ListeningSocket.bind(path: path).descriptor)
        #expect(try !connects())
        let listening = try ListeningSocket.bind(path: path)
        defer { close(listening.descriptor) }
        #expect(try connects())
    }

    @Test("a socket in use is left alone")
    func live() throws {
        let first = try ListeningSocket.bind(path: path)
        defer { close(first.descriptor) }
        #expect(refusal(path) == .inUse(path))
        #expect(try connects())
    }

    @Test("a socket whose backlog is full is in use, too")
    func backlogFull() throws {
        let first = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let address = try #require(UnixSocketAddress(path))
        #expect(address.withSocketAddress { Glibc.bind(first, $0, $1) } == 0)
        #expect(listen(first, 0) == 0)
        var clients: [Int32] = []
        defer { for descriptor in clients + [first] { close(descriptor) } }
        repeat {
            clients.append(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0))
        } while address.withSocketAddress({ connect(clients[clients.count - 1], $0, $1) }) == 0 && clients.count < 10
        #expect(errno == EAGAIN)
        #expect(refusal(path) == .inUse(path))
    }

    @Test("a name that another socket has taken over is not removed")
    func takenOver() throws {
        let first = try ListeningSocket.bind(path: path)
        close(first.descriptor)
        let second = try ListeningSocket.bind(path: path)
        defer { close(second.descriptor) }
        try first.removeName()
        #expect(try connects())
    }

    @Test("anything but a socket is never touched")
    func notASocket() throws {
        try Data("precious".utf8).write(to: URL(filePath: path))
        #expect(refusal(path) == .notASocket(path))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        let link = temporary.path("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(refusal(link) == .notASocket(link))
        #expect(refusal(temporary.path) == .notASocket(temporary.path))
    }

    @Test("a path of 107 bytes is the longest")
    func length() throws {
        let longest = temporary.path(String(repeating: "x", count: 107 - temporary.path.utf8.count - 1))
        #expect(longest.utf8.count == 107)
        #expect(refusal(longest) == nil)
        #expect(refusal(longest + "x") == .badPath(longest + "x"))
    }

    @Test("a path that cannot be one is refused", arguments: ["", "@abstract", "a\u{0}b"])
    func badPath(path: String) {
        #expect(refusal(path) == .badPath(path))
    }

    @Test("a directory in which users may replace each other's files is refused; a sticky one, such as /tmp, is not")
    func directoryOfEverybody() throws {
        let path = temporary.path("control.sock")
        #expect(chmod(temporary.path, 0o777) == 0)
        #expect(refusal(path) == .directoryOfEverybody(path))
        #expect(chmod(temporary.path, 0o1777) == 0)
        let socket = try ListeningSocket.bind(path: path)
        try socket.removeName()
        close(socket.descriptor)
    }

    @Test("a missing directory is named as the reason")
    func directoryMissing() {
        let path = temporary.path("none/control.sock")
        #expect(refusal(path) == .directoryMissing(path))
    }

    @Test("without the permission to make a socket there, that is the reason")
    func notPermitted() async {
        await #expect(processExitsWith: .success) {
            let temporary = try TemporaryDirectory()
            #expect(chmod(temporary.path, 0o555) == 0)
            let path = temporary.path("control.sock")
            Unprivileged.run {
                #expect(throws: ListeningSocketError.notPermitted(path)) { try ListeningSocket.bind(path: path) }
            }
            chmod(temporary.path, 0o700)
        }
    }
}
