import FluxqTestSupport
import Foundation
import Testing

@Suite("Exit codes", .timeLimit(.minutes(30)))
struct ExitCodeTests {
    @Test("0: a job that is done; only the number is on standard output, the pictures are files")
    func done() async throws {
        let daemon = try await RunningDaemon()
        let out = daemon.directory.path("out")
        let submit = try await daemon.run(["submit", "--image", "-", "Make it rain"], input: SamplePictures.jpeg.bytes)
        #expect(submit.end == .exit(0) && submit.output == "1\n")
        #expect(try await daemon.fluxq("wait", "1").end == .exit(0))
        let fetch = try await daemon.fluxq("fetch", "1", "--output", out)
        #expect(fetch.end == .exit(0) && fetch.lines == ["\(out)/1-1.png"])
        #expect(try await daemon.fluxq("fetch", "1", "--output", out).end == .exit(0))
        // A different file of that name is left alone.
        try Data("mine".utf8).write(to: URL(filePath: "\(out)/1-1.png"))
        let refused = try await daemon.fluxq("fetch", "1", "--output", out)
        #expect(refused.end != .exit(0))
        #expect(try String(contentsOfFile: "\(out)/1-1.png", encoding: .utf8) == "mine")
    }

    @Test("1: a job that failed")
    func failed() async throws {
        let daemon = try await RunningDaemon()
        let run = try await daemon.run(
            ["submit", "--image", "-", "--wait", "x sandbox:rejected"], input: SamplePictures.png.bytes)
        #expect(run.end == .exit(1))
        #expect(try await daemon.fluxq("wait", "1").end == .exit(1))
    }

    @Test(
        "64: usage",
        arguments: [
            ["frobnicate"], ["submit"], ["submit", "--n", "two", "x"], ["status", "abc"], ["status", "0"],
            ["status", "-1"],
            ["status", "9223372036854775808"], ["fetch"], ["cancel"], ["submit", "--at", "someday", "x"],
            ["list", "--state", "odd"],
        ])
    func usage(_ arguments: [String]) async throws {
        let directory = try TemporaryDirectory()
        let run = try await RunningDaemon.fluxq(
            arguments, socket: directory.path("none.sock"), directory: directory.path)
        #expect(run.end == .exit(64))
        #expect(!run.errors.isEmpty && run.output.isEmpty)
    }

    @Test(
        "64 with --json: a document of the same form as any other failure, also for mistakes that the parser finds",
        arguments: [
            ["frobnicate", "--json"], ["--json", "frobnicate"], ["--json"], ["submit", "--json"],
            ["submit", "--n", "two", "--json", "x"], ["submit", "--json", "--n"], ["submit", "--json", "x", "y"],
            ["submit", "--json", "--at", "someday", "x"], ["submit", "--set", "a", "--json", "x"],
            ["status", "--json", "abc"],
            ["status", "-1", "--json"], ["status", "--json", "--odd"], ["fetch", "--json"],
            ["fetch", "1", "--index", "x", "--json"],
            ["cancel", "--json", "--", "x"], ["retry", "--json"], ["wait", "1", "--timeout", "x", "--json"],
            ["list", "--json", "--state", "odd"], ["list", "--limit", "many", "--json"], ["usage", "--json", "more"],
            ["forget", "--json"], ["user", "1", "odd", "--json"], ["pause", "--json", "now"],
            ["status", "--json", "--socket", ""],
        ])
    func usageAsJSON(_ arguments: [String]) async throws {
        let directory = try TemporaryDirectory()
        let run = try await RunningDaemon.fluxq(
            arguments, socket: directory.path("none.sock"), directory: directory.path)
        #expect(run.end == .exit(64) && run.output.isEmpty)
        let document = try #require(
            try? JSONSerialization.jsonObject(with: Data(run.errors.utf8)) as? [String: Any], "\(run.errors)")
        #expect(document["code"] as? String == "usage" && document["exit"] as? Int == 64)
        let detail = document["detail"] as? String ?? ""
        #expect(detail.contains("See: fluxq ") && !detail.contains("Usage:"), "\(detail)")
    }

    @Test("help and the version are text with --json as well, and after -- the word is no option")
    func helpAsText() async throws {
        let directory = try TemporaryDirectory()
        func run(_ arguments: String...) async throws -> RunningDaemon.Run {
            try await RunningDaemon.fluxq(arguments, socket: directory.path("none.sock"), directory: directory.path)
        }
        let help = try await run("list", "--json", "--help")
        #expect(help.end == .exit(0) && help.output.contains("USAGE: fluxq list"), "\(help)")
        #expect(try await run("--json", "--help").output.contains("USAGE: fluxq"))
        #expect(try await run("--json", "--version").output.hasPrefix("fluxq "))
        let behind = try await run("status", "--", "--json")
        #expect(behind.end == .exit(64) && behind.errors.contains("Usage:"), "\(behind)")
        let text = try await run("submit", "--n", "two", "x")
        #expect(text.end == .exit(64) && text.errors.hasPrefix("Error: "), "\(text)")
    }

    @Test("65: bad input, each field by name, nothing queued and nothing billed")
    func badInput() async throws {
        let daemon = try await RunningDaemon()
        let wrong: [(options: [String], names: String)] = [
            (["--n", "5"], "n"), (["--n", "0"], "n"), (["--strength", "1.1"], "strength"), (["--seed", "-2"], "seed"),
            (["--steps", "51"], "steps"), (["--guidance-scale", "0.5"], "guidance_scale"),
            (["--priority", "101"], "priority"),
        ]
        for (options, name) in wrong {
            let run = try await daemon.run(
                ["submit", "--image", "-"] + options + ["x"], input: SamplePictures.png.bytes)
            #expect(run.end == .exit(65))
            #expect(run.errors.contains(name), "\(run.errors)")
        }
        for input in [
            Array("<html></html>".utf8), [], Array(SamplePictures.png.bytes.prefix(SamplePictures.png.bytes.count / 2)),
        ] {
            let run = try await daemon.run(["submit", "--image", "-", "x"], input: input)
            #expect(run.end == .exit(65), "\(run.errors)")
        }
        #expect(try await daemon.run(["submit", "x"]).end == .exit(65))
        #expect(try await daemon.fluxq("status", "1").end == .exit(65))
        #expect(try await daemon.fluxq("status", "9223372036854775807").end == .exit(65))
        #expect(try daemon.ledger().isEmpty)
    }

    @Test("65: a link that leads to this host or its network, unless the configuration allows it")
    func privateLinks() async throws {
        for (value, end) in [("refuse", ChildProcess.End.exit(65)), ("allow", .exit(0))] {
            let daemon = try await RunningDaemon(environment: ["FLUXQ_INPUTS_PRIVATE_LINKS": value])
            let run = try await daemon.fluxq("submit", "--at", "+1d", "--image", "http://127.0.0.1:9/a.png", "x")
            #expect(run.end == end, "\(run)")
            #expect(run.errors.contains("inputs.private_links") == (end == .exit(65)), "\(run)")
            let secret = try await daemon.fluxq("submit", "--image", "https://me:secret@example.org/a.png", "x")
            #expect(secret.end == .exit(65) && secret.errors.contains("user name or password"), "\(secret)")
            #expect(await daemon.stop() == .exit(0))
        }
    }

    @Test("66: no such input file, or one that cannot be read")
    func noInput() async throws {
        let daemon = try await RunningDaemon()
        let run = try await daemon.fluxq("submit", "--image", daemon.directory.path("none.png"), "x")
        #expect(run.end == .exit(66))
        #expect(run.errors.contains("none.png"))
    }

    @Test("69: no daemon, and what to do about it")
    func noDaemon() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("file")
        try Data().write(to: URL(filePath: file))
        for socket in [directory.path("none.sock"), file, directory.path(String(repeating: "x", count: 120))] {
            let run = try await RunningDaemon.fluxq(["status"], socket: socket, directory: directory.path)
            #expect(run.end == .exit(69))
            #expect(run.errors.contains(socket), "\(run.errors)")
        }
    }

    @Test("75: not yet, or too much for now")
    func later() async throws {
        let daemon = try await RunningDaemon(environment: ["FLUXQ_LIMITS_QUEUED_JOBS": "1"])
        let at = ["submit", "--image", "-", "--at", "2100-01-01T00:00:00Z", "x"]
        #expect(try await daemon.run(at, input: SamplePictures.png.bytes).end == .exit(0))
        let over = try await daemon.run(at, input: SamplePictures.png.bytes)
        #expect(over.end == .exit(75), "\(over.errors)")
        #expect(try await daemon.fluxq("wait", "1", "--timeout", "1").end == .exit(75))
        #expect(try await daemon.fluxq("fetch", "1").end == .exit(75))
    }

    @Test("77: a socket that the user may not use", .enabled(if: getuid() == 0))
    func notAllowed() async throws {
        let daemon = try await RunningDaemon()
        chmod(daemon.socket, 0o600)
        chmod(daemon.directory.path, 0o755)
        let run = try ChildProcess(
            "setpriv",
            [
                "--reuid=65533", "--regid=65533", "--clear-groups", RunningDaemon.executable("fluxq"), "status",
                "--socket", daemon.socket,
            ],
            environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
        #expect(await run.wait() == .exit(77), "\(run.errors)")
    }
}
