import FluxqControl
import FluxqHost
import FluxqTestSupport
import Foundation
import SystemPackage
import Testing

@testable import FluxqControlClient

@Suite("The choice of the socket")
struct ControlSocketTests {
    @Test("--socket comes before $FLUXQ_SOCKET, and that before the standard path")
    func choice() {
        #expect(ControlSocket(option: "/a", environment: "/b").path == "/a")
        #expect(ControlSocket(option: nil, environment: "/b").path == "/b")
        #expect(ControlSocket(option: nil, environment: "/b").chosen)
        for environment in [nil, ""] {
            let standard = ControlSocket(option: nil, environment: environment)
            #expect(standard.path == SocketPath.standard)
            #expect(!standard.chosen)
        }
    }

    private func failure(_ path: String) async -> ControlClientError? {
        do {
            try await ControlClient.withConnection(to: ControlSocket(option: path, environment: nil)) { _ in }
            return nil
        } catch {
            return error as? ControlClientError
        }
    }

    @Test("a path without a listening socket is reported")
    func unusable() async throws {
        let directory = try TemporaryDirectory()
        let missing = directory.path("missing")
        #expect(await failure(missing) == .noDaemon(path: missing, .missing))
        let nowhere = directory.path("no/where")
        #expect(await failure(nowhere) == .noDaemon(path: nowhere, .missing))

        let file = directory.path("file")
        try Data("x".utf8).write(to: URL(filePath: file))
        #expect(await failure(file) == .notASocket(path: file))
        #expect(await failure(directory.path) == .notASocket(path: directory.path))
        let below = file + "/below"
        #expect(await failure(below) == .noDaemon(path: below, .missing))

        let long = "/" + String(repeating: "x", count: UnixSocketAddress.maxPathBytes)
        #expect(await failure(long) == .pathTooLong(path: long, bytes: UnixSocketAddress.maxPathBytes + 1))
    }

    @Test("a socket without a listener is reported")
    func dead() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("dead")
        _ = try ScriptedDaemon(path, [{ $0.close() }])
        // Uses up the only script; then the daemon stops listening, and its socket remains.
        _ = await failure(path)
        var last: ControlClientError?
        // A connection that the daemon had not accepted when it stopped listening is refused.
        repeat { last = await failure(path) } while last == nil || last == .noDaemon(path: path, .busy)
        #expect(last == .noDaemon(path: path, .nobodyListening))
    }

    @Test(
        "a system error says what to do about it",
        arguments: [
            (Errno.permissionDenied, ControlClientError.permissionDenied(path: "/s")),
            (.notPermitted, .permissionDenied(path: "/s")),
            (.resourceTemporarilyUnavailable, .noDaemon(path: "/s", .busy)),
            (.connectionRefused, .noDaemon(path: "/s", .nobodyListening)),
            (.noSuchFileOrDirectory, .noDaemon(path: "/s", .missing)),
            (.protocolWrongTypeForSocket, .notASocket(path: "/s")),
            (.ioError, .noDaemon(path: "/s", .unreachable(.ioError))),
        ])
    func systemErrors(code: Errno, error: ControlClientError) {
        #expect(ControlSocket(option: "/s", environment: nil).unreachable(code) == error)
    }

    @Test("a socket that the environment names is reported if it is neither root's nor the caller's")
    func foreignOwner() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("s")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        func owner(option: String? = nil, environment: String?, caller: UInt32) -> UInt32? {
            ControlSocket(option: option, environment: environment).foreignOwner(caller: caller)
        }
        let mine = geteuid()
        #expect(owner(environment: path, caller: mine) == nil)
        #expect(owner(environment: path, caller: mine + 1) == (mine == 0 ? nil : mine))
        #expect(owner(environment: directory.path("none"), caller: mine + 1) == nil)
        #expect(owner(environment: nil, caller: mine + 1) == nil)
        guard mine == 0 else { return }
        try #require(chown(path, 4321, 4321) == 0)
        #expect(owner(environment: path, caller: 4322) == 4321)
        #expect(owner(environment: path, caller: 0) == 4321)
        #expect(owner(environment: path, caller: 4321) == nil)
        // A user who names a socket at the prompt knows its owner.
        #expect(owner(option: path, environment: path, caller: 4322) == nil)
    }

    typealias Ownership = ControlSocket.Ownership

    @Test(
        "only sockets of root and the caller are trusted, in a directory that no other user can write",
        arguments: [
            (Ownership(uid: 0, mode: 0o666), Ownership(uid: 0, mode: 0o755), nil),
            (Ownership(uid: 1000, mode: 0o600), Ownership(uid: 1000, mode: 0o700), nil),
            (Ownership(uid: 0, mode: 0o660), Ownership(uid: 1000, mode: 0o755), nil),
            (Ownership(uid: 1001, mode: 0o666), Ownership(uid: 0, mode: 0o755), .socketOwner(uid: 1001)),
            (
                Ownership(uid: 0, mode: 0o666), Ownership(uid: 1001, mode: 0o755),
                .directoryOwner(directory: "/d", uid: 1001)
            ),
            (
                Ownership(uid: 0, mode: 0o666), Ownership(uid: 0, mode: 0o1777),
                .directoryWritable(directory: "/d", mode: 0o1777)
            ),
            (
                Ownership(uid: 1000, mode: 0o666), Ownership(uid: 1000, mode: 0o775),
                .directoryWritable(directory: "/d", mode: 0o775)
            ),
        ] as [(Ownership, Ownership, ControlClientError.Distrust?)])
    func trust(socket: Ownership, directory: Ownership, distrust: ControlClientError.Distrust?) {
        #expect(
            ControlSocket.distrust(socket: socket, directory: directory, named: "/d", caller: 1000) == distrust)
    }
}
