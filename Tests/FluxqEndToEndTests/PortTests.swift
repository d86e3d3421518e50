import FluxqTestSupport
import Foundation
import Testing

/// Real programs at a TCP port of a real daemon.
@Suite("A TCP port of the daemon", .timeLimit(.minutes(30)))
struct PortTests {
    private static let activate = "/usr/bin/systemd-socket-activate"
    private static let curl = "/usr/bin/curl"
    private static let hasActivate =
        FileManager.default.isExecutableFile(atPath: activate) && FileManager.default.isExecutableFile(atPath: curl)

    /// One of the sixteen million addresses of the loopback, so that no two tests meet.
    private let address =
        "127.\(Int.random(in: 1...254)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254)):7839"

    /// What the port answers to a request of another user, or of this one if it is not root.
    private func ask(_ path: String, _ arguments: String..., in directory: TemporaryDirectory) async throws -> String {
        let program = [Self.curl, "--silent", "--include"] + arguments + ["http://\(address)\(path)"]
        let words = OtherUser.isPossible ? [OtherUser.setpriv] + OtherUser.options(1234) + program : program
        let process = try ChildProcess(
            words[0], Array(words.dropFirst()), environment: RunningDaemon.baseEnvironment, directory: directory.path)
        await process.wait()
        return process.output
    }

    @Test(
        "serves the user whom the kernel names, and administrators are warned that the port is free while it is stopped"
    )
    func serves() async throws {
        let daemon = try await RunningDaemon(environment: ["FLUXQ_LISTEN_HTTP": address])
        let job = #"{"request": {"prompt": "a", "image": "https://pictures.example/a.png"}}"#
        let refused = try await ask("/v1/jobs", "--json", job, in: daemon.directory)
        #expect(refused.hasPrefix("HTTP/1.1 401 ") && refused.contains("bearer_missing"), "\(refused)")
        let accepted = try await ask(
            "/v1/jobs", "--json", job, "-H", "Authorization: Bearer any", in: daemon.directory)
        #expect(accepted.hasPrefix("HTTP/1.1 201 "), "\(accepted)")
        if OtherUser.isPossible { #expect(accepted.contains("\"uid\":1234")) }
        #expect(
            try await daemon.fluxq("status").output.contains(
                "while fluxqd is stopped, any user can listen at \(address)"))
    }

    @Test("that somebody else has taken stops the start, which says what to do and leaves no socket behind")
    func taken() async throws {
        let first = try await RunningDaemon(environment: ["FLUXQ_LISTEN_HTTP": address])
        let directory = try TemporaryDirectory()
        let second = try ChildProcess(
            RunningDaemon.executable("fluxqd"),
            ["--sandbox", "--state-directory", directory.path("state"), "--socket", directory.path("control.sock")],
            environment: RunningDaemon.baseEnvironment.merging(["FLUXQ_LISTEN_HTTP": address]) { $1 },
            directory: directory.path)
        #expect(await second.wait() == .exit(71))
        #expect(second.errors.contains("Another program listens at \(address)"), "\(second.errors)")
        #expect(second.errors.contains("ss -ltnp sport = :7839") && second.errors.contains("listen.http"))
        #expect(!FileManager.default.fileExists(atPath: directory.path("control.sock")))
        #expect(try await ask("/v1/queue", in: first.directory).hasPrefix("HTTP/1.1 200 "))
    }

    /// A daemon that gets its sockets as from systemd.
    ///
    /// - Parameter program: what starts fluxqd.
    private func activated(
        _ program: [String], names: String, in directory: TemporaryDirectory
    ) throws -> ChildProcess {
        let settings = ["FLUXQ_SANDBOX_LATENCY_SECONDS": "0", "FLUXQ_ACCESS_UNKNOWN_USERS": "allow"]
        return try ChildProcess(
            Self.activate,
            ["--listen=\(directory.path("control.sock"))", "--listen=\(address)", "--fdname=\(names)"]
                + settings.map { "--setenv=\($0.key)=\($0.value)" } + program + [
                    RunningDaemon.executable("fluxqd"), "--sandbox", "--state-directory", directory.path("state"),
                ], environment: RunningDaemon.baseEnvironment, directory: directory.path)
    }

    private func end(_ process: ChildProcess) async {
        process.send(SIGTERM)
        await process.wait()
    }

    @Test("is taken over from systemd by its name", .enabled(if: hasActivate))
    func inherited() async throws {
        let directory = try TemporaryDirectory()
        let daemon = try activated([], names: "fluxqd.socket:http", in: directory)
        try await Observation.wait { daemon.errors.contains("Listening on \(address)") }
        #expect(try await ask("/v1/queue", in: directory).hasPrefix("HTTP/1.1 200 "))
        let status = try await RunningDaemon.fluxq(
            ["status"], socket: directory.path("control.sock"), directory: directory.path)
        #expect(status.end == .exit(0) && !status.output.contains("any user can listen"), "\(status)")
        await end(daemon)
    }

    @Test("is refused to fluxqd under another name", .enabled(if: hasActivate))
    func wrongName() async throws {
        let directory = try TemporaryDirectory()
        let daemon = try activated([], names: "fluxqd.socket:fluxqd-http.socket", in: directory)
        try await Observation.wait { daemon.errors.contains("Listening on \(address)") }
        _ = try await ask("/v1/queue", in: directory)
        #expect(await daemon.wait() == .exit(71))
        #expect(daemon.errors.contains("FileDescriptorName=http"), "\(daemon.errors)")
    }

    @Test(
        "refuses everybody if fluxqd runs in another network namespace than its clients",
        .enabled(if: hasActivate && OtherNetwork.isPossible))
    func otherNetwork() async throws {
        let directory = try TemporaryDirectory()
        let daemon = try activated(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"], names: "fluxqd.socket:http",
            in: directory)
        try await Observation.wait { daemon.errors.contains("Listening on \(address)") }
        let answer = try await ask("/v1/queue", in: directory)
        #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("network namespace"), "\(answer)")
        let status = try await RunningDaemon.fluxq(
            ["status"], socket: directory.path("control.sock"), directory: directory.path)
        #expect(status.end == .exit(0), "\(status)")
        await end(daemon)
    }
}
