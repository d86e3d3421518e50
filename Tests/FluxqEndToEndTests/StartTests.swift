import FluxqTestSupport
import Foundation
import GRDB
import Testing

@Suite("Starting the daemon", .timeLimit(.minutes(30)))
struct StartTests {
    /// Runs `fluxqd` to its end.
    private func fluxqd(
        _ arguments: [String], _ directory: TemporaryDirectory, environment: [String: String] = [:]
    ) async throws -> (end: ChildProcess.End, errors: String) {
        let process = try ChildProcess(
            RunningDaemon.executable("fluxqd"), arguments,
            environment: RunningDaemon.baseEnvironment.merging(environment) { $1 }, directory: directory.path)
        return (await process.wait(), process.errors)
    }

    @Test("a second daemon on the same directory refuses to start and names the first")
    func second() async throws {
        let daemon = try await RunningDaemon()
        let (end, errors) = try await fluxqd(
            [
                "--sandbox", "--state-directory", daemon.directory.path("state"), "--socket",
                daemon.directory.path("2.sock"),
            ],
            daemon.directory)
        #expect(end == .exit(71))
        #expect(errors.contains("\(daemon.process.id)"), "\(errors)")
        #expect(try await daemon.fluxq("status").end == .exit(0))
    }

    @Test("a database of a newer fluxq is refused and left alone")
    func newer() async throws {
        let daemon = try await RunningDaemon()
        await daemon.stop()
        try await DatabaseQueue(path: daemon.directory.path("state/queue.sqlite")).write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('9999_from_the_future')")
        }
        let (end, errors) = try await fluxqd(
            ["--sandbox", "--state-directory", daemon.directory.path("state"), "--socket", daemon.socket],
            daemon.directory)
        #expect(end == .exit(71))
        #expect(errors.contains("9999_from_the_future") && errors.contains("newer"), "\(errors)")
    }

    @Test("a state directory of the stand-in is refused with a real API, and one of a real API with the stand-in")
    func otherAPI() async throws {
        let sandboxed = try await RunningDaemon()
        #expect(
            try await sandboxed.fluxq("submit", "--image", "-", "a", input: SamplePictures.png.bytes).end == .exit(0))
        let real = try await RunningDaemon(api: try sandboxed.sandboxAddress())
        #expect(try await real.fluxq("status").output.contains("plain http"))
        #expect(try await !sandboxed.fluxq("status").output.contains("plain http"))
        await real.stop()
        let environment = ["FLUXQ_API_KEY": "sk-test"]
        func start(_ daemon: RunningDaemon, _ arguments: [String]) async throws -> (
            end: ChildProcess.End, errors: String
        ) {
            try await fluxqd(
                arguments + ["--state-directory", daemon.directory.path("state"), "--socket", daemon.socket],
                daemon.directory, environment: environment)
        }
        let refused = try await start(real, ["--sandbox"])
        #expect(refused.end == .exit(78) && refused.errors.contains("simulated pictures"), "\(refused)")
        await sandboxed.stop()
        let bought = try await start(sandboxed, [])
        #expect(bought.end == .exit(78) && bought.errors.contains("really be bought"), "\(bought)")
        // Each continues with its own API.
        let again = try await RunningDaemon(in: sandboxed.directory)
        #expect(try await again.fluxq("wait", "1").end == .exit(0))
        await again.stop()
    }

    @Test("a key in the environment is gone from it, for other users and for every program that it starts")
    func keyOfEnvironment() async throws {
        let daemon = try await RunningDaemon(
            environment: [
                "FLUXQ_API_KEY": "sk-canary-1", "MODELVERSE_API_KEY": "sk-canary-2", "UNRELATED": "stays",
                "FLUXQ_API_BASE_URL": "http://127.0.0.1:9/v1",
            ], isSandboxed: false)
        let environment = try Data(contentsOf: URL(filePath: "/proc/\(daemon.process.id)/environ"))
        #expect(environment.range(of: Data("sk-canary".utf8)) == nil)
        #expect(environment.range(of: Data("UNRELATED=stays".utf8)) != nil)
    }

    @Test("no process of fluxqd's user can read its memory or its environment", .enabled(if: OtherUser.isPossible))
    func notDumpable() async throws {
        let directory = try TemporaryDirectory()
        let notices = try NoticeSocket(path: directory.path("notify"))
        try #require(chmod(directory.path("notify"), 0o666) == 0)
        let uid: UInt32 = 4321
        let own = directory.path("own")
        try FileManager.default.createDirectory(
            atPath: own, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        try #require(chown(own, uid, uid) == 0)
        let daemon = try ChildProcess(
            OtherUser.setpriv,
            OtherUser.options(uid) + [
                RunningDaemon.executable("fluxqd"), "--sandbox", "--state-directory", "\(own)/state", "--socket",
                "\(own)/s",
            ], environment: RunningDaemon.baseEnvironment.merging(["NOTIFY_SOCKET": directory.path("notify")]) { $1 },
            directory: directory.path)
        defer { daemon.send(SIGTERM) }
        #expect(await notices.receive().contains("READY=1"), "\(daemon.errors)")
        for name in ["environ", "mem", "maps"] {
            let reader = try ChildProcess(
                OtherUser.setpriv, OtherUser.options(uid) + ["head", "-c", "1", "/proc/\(daemon.id)/\(name)"],
                environment: RunningDaemon.baseEnvironment, directory: directory.path)
            #expect(await reader.wait() != .exit(0), "\(name)")
        }
    }

    @Test("every line for the journal has a level, from the first mistake to a job's number")
    func journal() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("fluxqd.yaml")
        // Like systemd: the variable names the stream that is standard error.
        let start = {
            try ChildProcess(
                "/bin/sh",
                [
                    "-c", "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\"",
                    RunningDaemon.executable("fluxqd"), "--config", file, "--sandbox", "--state-directory",
                    directory.path("state"), "--socket", directory.path("s"),
                ],
                environment: RunningDaemon.baseEnvironment.merging(["NOTIFY_SOCKET": directory.path("notify")]) { $1 },
                directory: directory.path)
        }
        try "workers:\n  concurency: 3\n  max_attempts: many\n".write(toFile: file, atomically: false, encoding: .utf8)
        let notices = try NoticeSocket(path: directory.path("notify"))
        let failing = try start()
        #expect(await failing.wait() == .exit(78))
        let mistakes = failing.errors.split(separator: "\n")
        #expect(mistakes.count == 2 && mistakes.allSatisfy { $0.hasPrefix("<2>\(file):") }, "\(failing.errors)")

        try "".write(toFile: file, atomically: false, encoding: .utf8)
        let running = try start()
        #expect(await notices.receive() == "READY=1")
        let submit = try ChildProcess(
            RunningDaemon.executable("fluxq"),
            ["submit", "--socket", directory.path("s"), "--at", "2100-01-01T00:00:00Z", "--image", "-", "a"],
            environment: RunningDaemon.baseEnvironment, directory: directory.path, input: SamplePictures.png.bytes)
        #expect(await submit.wait() == .exit(0), "\(submit.errors)")
        running.send(SIGTERM)
        #expect(await running.wait() == .exit(0))
        let lines = running.errors.split(separator: "\n")
        #expect(lines.allSatisfy { $0.wholeMatch(of: /<[2-6]>[^0-9].*/) != nil }, "\(running.errors)")
        #expect(lines.contains("<6>A job was submitted. job.id=1 uid=\(getuid())"), "\(running.errors)")
        #expect(lines.contains { $0.hasPrefix("<5>fluxqd is ready. api=sandbox ") }, "\(running.errors)")
    }

    @Test("the programs and the Debian package have one version", arguments: ["fluxq", "fluxqd", "fluxq-sandbox"])
    func version(program: String) async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            RunningDaemon.executable(program), ["--version"], environment: RunningDaemon.baseEnvironment,
            directory: directory.path)
        #expect(await process.wait() == .exit(0))
        let changelog = try RepositoryFile.text("debian/changelog")
        let version = try #require(changelog.firstMatch(of: /fluxq \((.*?)\)/)?.output.1)
        #expect(process.output == "\(program) \(version)\n")
    }

    @Test("a typing error in the configuration is named with its file, line and key")
    func typingError() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("fluxqd.yaml")
        try "workers:\n  concurency: 3\n".write(toFile: file, atomically: false, encoding: .utf8)
        let (end, errors) = try await fluxqd(
            [
                "--config", file, "--sandbox", "--state-directory", directory.path("state"), "--socket",
                directory.path("s"),
            ], directory)
        #expect(end == .exit(78))
        #expect(
            errors.contains("\(file):2") && errors.contains("concurency") && errors.contains("concurrency"), "\(errors)"
        )
    }

    @Test("without a key there is no start, and the message says where to put one")
    func noKey() async throws {
        let directory = try TemporaryDirectory()
        let (end, errors) = try await fluxqd(
            ["--state-directory", directory.path("state"), "--socket", directory.path("s")], directory)
        #expect(end == .exit(78))
        #expect(errors.contains("api.key_file") && errors.contains("--sandbox"), "\(errors)")
    }

    @Test("a socket path that is too long is named")
    func longSocket() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path(String(repeating: "s", count: 120))
        let (end, errors) = try await fluxqd(
            ["--sandbox", "--state-directory", directory.path("state"), "--socket", path], directory)
        #expect(end == .exit(71))
        #expect(errors.contains("107"), "\(errors)")
    }

    @Test(
        "an idle daemon makes no system call in ten seconds but the once-a-second tick of the language's dispatch library",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")))
    func idle() async throws {
        // Another daemon has the sandbox: the library for child programs wakes its process while a child runs.
        let api = try await RunningDaemon()
        let daemon = try await RunningDaemon(api: api.sandboxAddress())
        // One job, so that everything that could run periodically has run once.
        _ = try await daemon.run(
            ["submit", "--image", "-", "--wait", "x"], input: SamplePictures.png.bytes)
        // Threads and connections of the job are released some seconds later; then there are no calls any more.
        var calls = try await systemCalls(of: daemon, seconds: 10)
        for _ in 0..<3 where !calls.isEmpty { calls = try await systemCalls(of: daemon, seconds: 10) }
        #expect(calls.isEmpty, "\(calls.prefix(20).joined(separator: "\n"))")
    }

    /// The system calls of a process, without the tick: a program with the dispatch library sets a timer every second,
    /// on the library's own thread, to watch its pools.
    private func systemCalls(of daemon: RunningDaemon, seconds: Int) async throws -> [String] {
        let log = daemon.directory.path("strace.log")
        let watch = try ChildProcess(
            "timeout", ["\(seconds)", "strace", "-f", "-p", "\(daemon.process.id)", "-o", log],
            environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
        await watch.wait()
        // Calls in which a thread was waiting are shown as unfinished and resumed when strace attaches and detaches.
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            .filter { !$0.contains("<unfinished") && !$0.contains("resumed>") && !$0.contains("<detached") }
        let ticking = lines.filter { $0.contains(" timerfd_settime(") }
        let threads = Set(ticking.map { $0.prefix { $0 != " " } })
        guard threads.count <= 1, ticking.count <= seconds + 1 else { return lines }
        return lines.filter { line in
            let isOfTick = ["timerfd_settime(", "epoll_ctl(", "epoll_wait("].contains { line.contains(" \($0)") }
            return !(isOfTick && threads.contains(line.prefix { $0 != " " }))
        }
    }
}
