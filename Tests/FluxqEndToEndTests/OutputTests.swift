import FluxqTestSupport
import Foundation
import Testing

@Suite("A result that cannot be written", .timeLimit(.minutes(30)))
struct OutputTests {
    private func daemon() async throws -> RunningDaemon {
        let daemon = try await RunningDaemon()
        try Data(SamplePictures.png.bytes).write(to: URL(filePath: daemon.directory.path("a.png")))
        return daemon
    }

    @Test(
        "a standard output that is closed or full is noticed before anything is sent",
        arguments: [
            ">/dev/full", ">&-", "1<a.png", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full --json", ">/dev/full --wait",
            ">/dev/full --output out",
        ])
    func unwritable(_ redirection: String) async throws {
        let daemon = try await daemon()
        let run = try await daemon.shell("fluxq submit --image a.png --at 2100-01-01T00:00:00Z x \(redirection)")
        #expect(run.end == .exit(74), "\(run.errors)")
        if !redirection.contains("2>&-") { #expect(run.errors.contains("Nothing was changed"), "\(run.errors)") }
        let list = try await daemon.fluxq("list")
        #expect(list.end == .exit(0) && list.output.isEmpty)
    }

    @Test("so is a reader that has gone, and a limit on the size of files")
    func gone() async throws {
        let daemon = try await daemon()
        let at = "fluxq submit --image a.png --at 2100-01-01T00:00:00Z x"
        let run = try await daemon.shell(
            """
            mkfifo p
            (exec 3<p; exec 3<&-) & exec 4>p; wait
            \(at) >&4; echo $?
            (ulimit -f 0; \(at) >file; echo $?) | cat
            """)
        #expect(run.lines == ["74", "74"], "\(run.errors)")
        #expect(try await daemon.fluxq("list").output.isEmpty)
    }

    @Test("a full file system is noticed before anything is sent", .enabled(if: SmallFileSystem.isPossible))
    func fullFileSystem() async throws {
        let daemon = try await daemon()
        let small = try SmallFileSystem(on: daemon.directory.path("small"), options: "size=64k")
        try small.fill()
        let run = try await daemon.shell("fluxq submit --image a.png --at 2100-01-01T00:00:00Z x >>small/ids.txt")
        #expect(run.end == .exit(74), "\(run.errors)")
        #expect(try await daemon.fluxq("list").output.isEmpty)
        small.empty()
        let again = try await daemon.shell(
            "fluxq submit --image a.png --at 2100-01-01T00:00:00Z x >>small/ids.txt && cat small/ids.txt")
        #expect(again.end == .exit(0) && again.output == "1\n")
    }

    @Test("whatever happens to a queued job's result, its number is reported and no status asks for another submit")
    func afterwards() async throws {
        let daemon = try await daemon()
        try FileManager.default.createDirectory(
            atPath: daemon.directory.path("taken"), withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: daemon.directory.path("taken/1-1.png")))
        let run = try await daemon.shell("fluxq submit --image a.png --output taken x")
        #expect(run.end == .exit(74) && run.output == "1\n")
        #expect(
            run.errors.contains("job 1 is queued") && run.errors.contains("Do not submit it again"), "\(run.errors)")

        // The reader of the document disappears while the job is waited for.
        let waiting = try daemon.start(
            shell: """
                mkfifo p gate
                (exec 5<p; read go <gate; exec 5<&-; : >gone) &
                fluxq submit --image a.png --json --wait "x sandbox:until=go" >p; echo $?
                """)
        try await daemon.waitForEvent("claimed", count: 2)
        try Data("go\n".utf8).write(to: URL(filePath: daemon.directory.path("gate")))
        try await Observation.wait { FileManager.default.fileExists(atPath: daemon.directory.path("gone")) }
        try daemon.letSandboxAnswer("go")
        #expect(await waiting.wait() == .exit(0))
        #expect(waiting.output == "74\n" && waiting.errors.contains("\"job\":2"), "\(waiting.errors)")
    }

    @Test("a change whose result cannot be written was made, and is reported on standard error")
    func changes() async throws {
        let daemon = try await daemon()
        _ = try await daemon.shell("fluxq submit --image a.png --at 2100-01-01T00:00:00Z x")
        let run = try await daemon.shell("fluxq cancel 1 >/dev/full")
        #expect(run.end == .exit(74) && run.errors.contains("Nothing was changed"))
        #expect(try await daemon.fluxq("list", "--state", "queued").lines.count == 2)
    }

    @Test("read-only verbs end as filters do")
    func filters() async throws {
        let daemon = try await daemon()
        for verb in ["list --json", "status", "models"] {
            #expect(try await daemon.shell("fluxq \(verb) >/dev/full").end == .exit(74))
        }
    }
}
