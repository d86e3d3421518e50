import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("fluxqd and the stand-in that it starts", .timeLimit(.minutes(30)))
struct StandInTests {
    /// The kernel's data about a process.
    private struct Seen: Sendable {
        let id: pid_t
        let name: String
        let state: Character
        let parent: pid_t
        let group: pid_t

        /// nil if there is no such process.
        init?(_ id: pid_t) {
            // "ID (NAME) STATE PARENT GROUP …"; the name may have spaces.
            guard let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
                let match = text.firstMatch(of: /\((.*)\) (.) (\d+) (\d+)/),
                let state = match.output.2.first, let parent = pid_t(match.output.3),
                let group = pid_t(match.output.4)
            else { return nil }
            self.id = id
            name = String(match.output.1)
            self.state = state
            self.parent = parent
            self.group = group
        }

        var isRunning: Bool { state != "Z" && state != "X" }

        static func children(of parent: pid_t) throws -> [Seen] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0).flatMap(Seen.init) }
                .filter { $0.parent == parent }
        }
    }

    private func standIn(of daemon: RunningDaemon) throws -> Seen {
        let children = try Seen.children(of: daemon.process.id)
        #expect(children.map(\.name) == ["fluxq-sandbox"])
        return try #require(children.first)
    }

    private func hasEnded(_ process: Seen) -> Bool {
        guard let now = Seen(process.id), now.name == process.name else { return true }
        return !now.isRunning
    }

    /// A process's open files, by descriptor: paths, or names such as "socket:[INODE]".
    private func open(by id: pid_t) throws -> [Int: String] {
        let directory = "/proc/\(id)/fd"
        var found: [Int: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(name)")
            else { continue }
            found[Int(name) ?? -1] = target
        }
        return found
    }

    @Test("it has no key, no other variable, and none of fluxqd's open files")
    func apart() async throws {
        let daemon = try await RunningDaemon(
            environment: [
                "FLUXQ_API_KEY": "sk-canary-1", "MODELVERSE_API_KEY": "sk-canary-2", "UNRELATED": "canary-3",
                "MALLOC_ARENA_MAX": "2",
            ])
        let standIn = try standIn(of: daemon)
        let variables = try Data(contentsOf: URL(filePath: "/proc/\(standIn.id)/environ")).split(separator: 0)
            .map { String(decoding: $0.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) }
        #expect(Set(variables) == ["PATH", "MALLOC_ARENA_MAX"])

        let (its, ours) = (try open(by: standIn.id), try open(by: daemon.process.id))
        let shared = its.filter { number, target in
            number > 2 && target.contains(":[") && !target.hasPrefix("anon_inode") && ours.values.contains(target)
        }
        #expect(shared.isEmpty, "\(shared)")
        let state = daemon.directory.path("state")
        let files = its.filter { $0.key > 2 && $0.value.hasPrefix("/") }.values
        #expect(files.allSatisfy { $0.hasPrefix("\(state)/sandbox/") || $0.hasPrefix("/dev/") }, "\(files)")
        #expect(ours.values.contains("\(state)/lock"))
        await daemon.stop()
        #expect(hasEnded(standIn))
    }

    @Test("it is gone after a kill -9 of fluxqd, and the next one has its port and its ledger")
    func killed() async throws {
        let first = try await RunningDaemon()
        #expect(
            try await first.run(["submit", "--image", "-", "--wait", "a"], input: SamplePictures.png.bytes).end
                == .exit(0))
        var daemon = first
        for _ in 0..<3 {
            let standIn = try standIn(of: daemon)
            let address = try daemon.sandboxAddress()
            #expect(await daemon.kill() == .signal(SIGKILL))
            daemon = try await RunningDaemon(in: first.directory)
            try await Observation.wait { hasEnded(standIn) }
            #expect(try daemon.sandboxAddress().port == address.port)
        }
        #expect(try daemon.ledger().count == 1)
        await daemon.stop()
    }

    @Test("no signal ends it before the last call has been answered", arguments: [SIGINT, SIGTERM, SIGHUP])
    func drained(signal: Int32) async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(["submit", "--image", "-", "a sandbox:until=go"], input: SamplePictures.png.bytes)
        try await daemon.waitForEvent("claimed")
        try await Observation.wait { try !daemon.ledger().isEmpty }
        let standIn = try standIn(of: daemon)
        // A terminal's Ctrl-C goes to a process group, a service manager's signals to all processes of a service.
        #expect(standIn.group == standIn.id)
        kill(standIn.id, signal)
        daemon.process.send(SIGTERM)
        #expect(await daemon.nextNotice().contains("STOPPING=1"))
        #expect(!hasEnded(standIn))
        try daemon.letSandboxAnswer("go")
        #expect(await daemon.process.wait() == .exit(0), "\(daemon.process.errors)")
        #expect(hasEnded(standIn))
        #expect(try Ledger(of: daemon).attempts == ["billed"])
    }

    @Test("if it ends by itself, fluxqd reports that and stops")
    func diesFirst() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(["submit", "--image", "-", "a sandbox:slow=600"], input: SamplePictures.png.bytes)
        try await daemon.waitForEvent("claimed")
        try await Observation.wait { try !daemon.ledger().isEmpty }
        kill(try standIn(of: daemon).id, SIGKILL)
        #expect(await daemon.process.wait() == .exit(71))
        let errors = daemon.process.errors
        #expect(errors.contains("fluxq-sandbox") && errors.contains("signal 9"), "\(errors)")
        #expect(errors.contains("Start fluxqd again"), "\(errors)")
        let next = try await RunningDaemon(in: daemon.directory)
        #expect(try await next.job(1).reason == "outcome_unknown")
        await next.stop()
    }

    @Test("without the program there is no start, and the message says what to install")
    func missing() async throws {
        let directory = try TemporaryDirectory()
        let alone = directory.path("fluxqd")
        try FileManager.default.copyItem(atPath: RunningDaemon.executable("fluxqd"), toPath: alone)
        let process = try ChildProcess(
            alone,
            ["--sandbox", "--state-directory", directory.path("state"), "--socket", directory.path("s")],
            environment: RunningDaemon.baseEnvironment, directory: directory.path)
        #expect(await process.wait() == .exit(71))
        #expect(process.errors.contains(directory.path("fluxq-sandbox")), "\(process.errors)")
        #expect(process.errors.contains("make install"), "\(process.errors)")
    }

    @Test("it says why it cannot start, and fluxqd ends with it")
    func cannotStart() async throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.path("state"), withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        // A file in place of its directory.
        try Data().write(to: URL(filePath: directory.path("state/sandbox")))
        let process = try ChildProcess(
            RunningDaemon.executable("fluxqd"),
            ["--sandbox", "--state-directory", directory.path("state"), "--socket", directory.path("s")],
            environment: RunningDaemon.baseEnvironment, directory: directory.path)
        #expect(await process.wait() == .exit(71))
        #expect(process.errors.contains("fluxq-sandbox: cannot"), "\(process.errors)")
        #expect(process.errors.contains("did not start (exit code 71)"), "\(process.errors)")
    }

    @Test("a closed stream of fluxqd does not become one of its files in the stand-in")
    func closedStreams() async throws {
        let directory = try TemporaryDirectory()
        let notices = try NoticeSocket(path: directory.path("notify"))
        let daemon = try ChildProcess(
            "/bin/sh",
            [
                "-c", "exec \"$0\" \"$@\" 0<&- 1<&- 2<&-", RunningDaemon.executable("fluxqd"), "--sandbox",
                "--state-directory", directory.path("state"), "--socket", directory.path("s"),
            ],
            environment: RunningDaemon.baseEnvironment.merging(["NOTIFY_SOCKET": directory.path("notify")]) { $1 },
            directory: directory.path)
        #expect(await notices.receive() == "READY=1")
        let standIn = try #require(try Seen.children(of: daemon.id).first)
        #expect(try open(by: standIn.id)[2] == "/dev/null")
        daemon.send(SIGTERM)
        #expect(await daemon.wait() == .exit(0))
    }

    @Test(
        "invalid options are refused before it listens",
        arguments: [
            ["--latency", "-1"], ["--latency", "nan"], ["--link-lifetime", "1e300"], ["--port", "70000"],
            ["--latency", "0", "--latency", "1"], ["--directory", "b"],
        ])
    func refused(arguments: [String]) async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            RunningDaemon.executable("fluxq-sandbox"), ["--directory", directory.path("a")] + arguments,
            environment: RunningDaemon.baseEnvironment, directory: directory.path)
        #expect(await process.wait() == .exit(64), "\(process.errors)")
    }
}
