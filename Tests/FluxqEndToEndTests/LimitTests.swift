import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("Limits", .timeLimit(.minutes(30)))
struct LimitTests {
    private static let configuration = """
        limits:
          images_per_day: 2
          spend_per_day: 0.25
          exceptions:
            \(getuid()): {queued_jobs: 1}
        prices:
          black-forest-labs/flux-kontext-max: 0.08
        models:
          without-a-price: {}
        """

    @Test(
        "75: a job that could never run, and one too many; a waiting job shows until when, and usage what is left"
    )
    func limits() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.path("fluxqd.yaml")
        try Data(Self.configuration.utf8).write(to: URL(filePath: file))
        let daemon = try await RunningDaemon(in: directory, arguments: ["--config", file])
        func submit(_ arguments: String...) async throws -> RunningDaemon.Run {
            try await daemon.run(["submit", "--image", "-"] + arguments, input: SamplePictures.png.bytes)
        }
        let never = try await submit("--n", "3", "Make it rain")
        #expect(never.end == .exit(75) && never.errors.contains("limits.images_per_day"))
        #expect(try await submit("--model", "without-a-price", "x").end == .exit(75))

        #expect(
            try await submit("--n", "2", "--wait", "--output", directory.path("out"), "Make it rain").end == .exit(0))
        #expect(try await submit("Make it snow").output == "2\n")
        let full = try await submit("Make it hail")
        #expect(
            full.end == .exit(75)
                && full.errors.contains("The limit of queued jobs is 1 (limits.queued_jobs); queued now: 1."))

        let status = try await daemon.fluxq("status", "2")
        #expect(status.output.contains("job 2: queued: user_limit") && status.output.contains("it is renewed"))
        let usage = try await daemon.fluxq("usage", "--json")
        let document = try JSONDecoder().decode(UsageDocument.self, from: Data(usage.output.utf8))
        #expect(document.today.images == 2 && document.today.spent == 0.16)
        #expect(document.limits["images_per_day"]?.left == 0 && document.limits["spend_per_day"]?.left == 0.09)
        #expect(try await daemon.fluxq("usage").output.contains("2 pictures bought for 0.16 USD"))
        #expect(try daemon.ledger().filter(\.billed).count == 1)
        #expect(await daemon.stop() == .exit(0))
    }

    @Test("75: a retry by hand over the limit of the day; a reload lifts it, and usage says what is left")
    func retries() async throws {
        let directory = try TemporaryDirectory()
        let file = URL(filePath: directory.path("fluxqd.yaml"))
        try Data("limits: {retries_per_day: 2}\n".utf8).write(to: file)
        let daemon = try await RunningDaemon(in: directory, arguments: ["--config", file.path])
        func submitted() async throws -> RunningDaemon.Run {
            try await daemon.run(
                ["submit", "--image", "-", "--wait", "sandbox:rejected"], input: SamplePictures.png.bytes)
        }
        #expect(try await submitted().end == .exit(1))
        for _ in 1...2 {
            #expect(try await daemon.fluxq("retry", "1").end == .exit(0))
            #expect(try await daemon.fluxq("wait", "1").end == .exit(1))
        }
        let refused = try await daemon.fluxq("retry", "1")
        #expect(refused.end == .exit(75))
        #expect(
            refused.errors.contains("The limit of manual retries a day is 2 (limits.retries_per_day); used: 2.")
                && refused.errors.contains("It is renewed at ") && refused.errors.contains(" 00:00 UTC."),
            "\(refused.errors)")
        let document = try JSONDecoder().decode(
            UsageDocument.self, from: Data(try await daemon.fluxq("usage", "--json").output.utf8))
        #expect(document.limits["retries_per_day"]?.left == 0)
        #expect(document.limits["retries_per_day"]?.renewedAt != nil)

        try Data("limits: {retries_per_day: none}\n".utf8).write(to: file)
        daemon.process.send(SIGHUP)
        #expect(await daemon.notice().hasPrefix("RELOADING=1"))
        #expect(await daemon.notice().hasPrefix("READY=1"))
        #expect(try await daemon.fluxq("retry", "1").end == .exit(0))
        #expect(await daemon.stop() == .exit(0))
    }
}
