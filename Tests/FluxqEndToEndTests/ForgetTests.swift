import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("fluxq forget", .timeLimit(.minutes(30)))
struct ForgetTests {
    private func usage(_ daemon: RunningDaemon) async throws -> UsageDocument {
        let run = try await daemon.fluxq("usage", "--json")
        return try JSONDecoder().decode(UsageDocument.self, from: Data(run.output.utf8))
    }

    @Test("shows what it would forget, needs --yes without a terminal, and then forgets it for good")
    func forgets() async throws {
        let daemon = try await RunningDaemon()
        let submit = try await daemon.fluxq(
            "submit", "--image", "-", "--key", "k", "--label", "night", "--wait", "Make it rain",
            input: SamplePictures.png.bytes)
        #expect(submit.end == .exit(0), "\(submit.errors)")
        let queued = try await daemon.fluxq(
            "submit", "--image", "-", "--at", "+1d", "x", input: SamplePictures.png.bytes)
        #expect(queued.output == "2\n")

        let dry = try await daemon.fluxq("forget", "--label", "night", "--dry-run")
        #expect(dry.end == .exit(0) && dry.output.hasPrefix("1 job, 1 picture ("), "\(dry)")
        #expect(dry.output.hasSuffix("would be forgotten\n"))
        let asked = try await daemon.fluxq("forget", "1")
        #expect(asked.end == .exit(64) && asked.errors.contains("--yes"), "\(asked)")
        #expect(try await daemon.job(1).state == "done")

        let before = try await usage(daemon)
        let forgotten = try await daemon.fluxq("forget", "1", "2", "7", "--yes", "--json")
        #expect(forgotten.end == .exit(65) && forgotten.output.contains("\"jobs\":1"), "\(forgotten)")
        #expect(forgotten.errors.contains("Job 2 was not forgotten.") && forgotten.errors.contains("not_forgotten"))
        let gone = try await daemon.fluxq("status", "1")
        #expect(gone.end == .exit(65) && gone.errors.contains("no job 1"), "\(gone)")
        #expect(try await daemon.fluxq("fetch", "1", "--output", daemon.directory.path).end == .exit(65))
        let after = try await usage(daemon)
        #expect(after.today == before.today && after.imagesToday == 1)

        // The same command does not buy again.
        let again = try await daemon.fluxq(
            "submit", "--image", "-", "--key", "k", "--label", "night", "Make it rain", input: SamplePictures.png.bytes)
        #expect(again.end == .exit(65) && again.errors.contains("have forgotten it"), "\(again)")
        let nothing = try await daemon.fluxq("forget", "--before", "0s", "--yes")
        #expect(nothing.end == .exit(0) && nothing.output == "0 jobs forgotten\n", "\(nothing)")
        #expect(await daemon.stop() == .exit(0))
        #expect(try daemon.ledger().filter(\.billed).count == 1)
    }

    @Test(
        "64: the jobs must be named, and correctly",
        arguments: [
            [], ["1", "--label", "x"], ["--state", "queued"], ["--before", "tomorrow"], ["--before", "2026-02-30"],
            ["--label", "a", "--label", "b"],
        ])
    func usageErrors(arguments: [String]) async throws {
        let run = try await RunningDaemon.fluxq(
            ["forget", "--yes"] + arguments, socket: "/nonexistent", directory: "/")
        #expect(run.end == .exit(64), "\(run)")
    }

    @Test("fluxqd purge deletes all data of a user, files included, once no job of the user is pending")
    func purge() async throws {
        let daemon = try await RunningDaemon()
        let submit = try await daemon.fluxq(
            "submit", "--image", "-", "--wait", "Make it rain", input: SamplePictures.png.bytes)
        #expect(submit.end == .exit(0), "\(submit.errors)")
        let waiting = try await daemon.fluxq(
            "submit", "--image", "-", "--at", "+1d", "x", input: SamplePictures.jpeg.bytes)
        #expect(waiting.output == "2\n")
        func purge(_ arguments: String...) async throws -> RunningDaemon.Run {
            let process = try ChildProcess(
                RunningDaemon.executable("fluxqd"),
                ["purge", "--state-directory", daemon.directory.path("state")] + arguments,
                environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
            let end = await process.wait()
            return RunningDaemon.Run(end: end, output: process.output, errors: process.errors)
        }
        let user = String(getuid())
        let running = try await purge(user, "--yes")
        #expect(running.end == .exit(71) && running.errors.contains("Stop it first"), "\(running)")
        #expect(await daemon.stop() == .exit(0))
        let inTheWay = try await purge(user, "--yes")
        #expect(inTheWay.end == .exit(1) && inTheWay.output.contains("1 queued jobs"), "\(inTheWay)")

        let next = try await RunningDaemon(in: daemon.directory)
        #expect(try await next.fluxq("cancel", "2").end == .exit(0))
        #expect(await next.stop() == .exit(0))
        #expect(try await purge(user).end == .exit(1))
        let done = try await purge(user, "--yes")
        #expect(done.end == .exit(0) && done.output.contains("2 jobs, 1 pictures"), "\(done)")
        let objects = URL(filePath: daemon.directory.path("state/objects"))
        let files = FileManager.default.enumerator(at: objects, includingPropertiesForKeys: [.isRegularFileKey])
        let left = try (files?.compactMap { $0 as? URL } ?? []).filter {
            try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true
        }
        #expect(left.isEmpty, "\(left)")
        await next.expectSoundState()
        let again = try await purge(user, "--yes")
        #expect(again.end == .exit(0), "\(again)")
        #expect(try await purge("nobody-of-that-name", "--yes").output.contains("there is nothing to delete"))
    }

    @Test(
        "the limit of kept bytes says what to do, for ended and queued jobs, and doing it makes room",
        arguments: [true, false])
    func keptBytes(ends: Bool) async throws {
        let daemon = try await RunningDaemon(environment: ["FLUXQ_LIMITS_KEPT_BYTES": "4 KiB"])
        var last: RunningDaemon.Run?
        for number in 1...10 where last?.end != .exit(75) {
            last = try await daemon.fluxq(
                "submit", "--image", "-", "--at", "+1d", String(repeating: "x", count: 1000),
                input: SamplePictures.png.bytes)
            if ends, last?.end == .exit(0) { #expect(try await daemon.fluxq("cancel", "\(number)").end == .exit(0)) }
        }
        let refused = try #require(last)
        #expect(refused.end == .exit(75) && refused.errors.contains("limits.kept_bytes"), "\(refused)")
        #expect(refused.errors.contains("fluxq forget") && refused.errors.contains("You can cancel queued jobs"))
        if !ends { #expect(try await daemon.fluxq("cancel", "1", "2").end == .exit(0)) }
        #expect(try await daemon.fluxq("forget", "--state", "failed", "--yes").end == .exit(0))
        #expect(
            try await daemon.fluxq("submit", "--image", "-", "--at", "+1d", "x", input: SamplePictures.png.bytes).end
                == .exit(0))
        #expect(await daemon.stop() == .exit(0))
    }
}
