import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("Holding the queue", .timeLimit(.minutes(30)))
struct HoldTests {
    @Test(
        "three users' jobs survive an unreachable API, and continue automatically when it is back",
        .enabled(if: getuid() == 0))
    func unreachable() async throws {
        // Its port stays closed until it is started again.
        let gone = try await RunningDaemon()
        let api = try gone.sandboxAddress()
        await gone.stop()

        let daemon = try await RunningDaemon(environment: ["FLUXQ_WORKERS_CONCURRENCY": "2"], api: api)
        chmod(daemon.directory.path, 0o755)
        for uid in [0, 65531, 65532] {
            let submit = try ChildProcess(
                "setpriv",
                [
                    "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups", RunningDaemon.executable("fluxq"), "submit",
                    "--socket", daemon.socket, "--image", "-", "Make it rain",
                ],
                environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path,
                input: SamplePictures.png.bytes)
            #expect(await submit.wait() == .exit(0), "\(submit.errors)")
        }
        try await daemon.waitForEvent("deferred")
        let held = try await daemon.fluxq("status")
        #expect(held.output.contains("The API cannot be reached since"), "\(held.output)")
        #expect(held.output.contains("Could not call http://127.0.0.1:\(api.port)"))
        #expect(held.output.contains("fluxq tries again automatically, next"))
        #expect(held.output.contains("check the network and api.base_url"))
        let job = try await daemon.job(1)
        #expect(job.state == "queued" && job.waiting == "held" && job.attempts == 0)
        #expect(job.ledger?.isEmpty == false && job.ledger?.allSatisfy { $0.billing == "not_billed" } == true)

        let back = try await RunningDaemon(in: gone.directory)
        #expect(try back.sandboxAddress().port == api.port)
        // The probe is one of root's jobs; the others are done when nothing is left.
        #expect(try await daemon.fluxq("wait", "1", "--timeout", "1500").end == .exit(0))
        #expect(try await daemon.fluxq("status").output.contains("The queue is running."))
        while try back.ledger().count(where: \.billed) < 3 {
            _ = try await daemon.fluxq("wait", "1")
        }
        #expect(await daemon.stop() == .exit(0))
        #expect(try Ledger(of: daemon).attempts.count(where: { $0 == "billed" }) == 3)
        #expect(try Ledger(of: daemon).attempts.allSatisfy { ["billed", "not_billed"].contains($0) })
    }

    @Test("restarts do not exceed a fixed rate, and a waiting user sees the reason")
    func rate() async throws {
        let environment = ["FLUXQ_WORKERS_RATE_PER_MINUTE": "1"]
        let first = try await RunningDaemon(environment: environment)
        for _ in 0..<2 { _ = try await first.run(["submit", "--image", "-", "x"], input: SamplePictures.png.bytes) }
        #expect(try await first.fluxq("wait", "1").end == .exit(0))
        #expect(try await first.job(2).waiting == "rate_limited")
        await first.stop()
        let second = try await RunningDaemon(in: first.directory, environment: environment)
        #expect(try await second.fluxq("wait", "2", "--timeout", "2").end == .exit(75))
        #expect(try await second.job(2).waiting == "rate_limited")
        #expect(try second.ledger().count == 1)
    }
}

@Suite("An unknown outcome is for people", .timeLimit(.minutes(30)))
struct UnknownOutcomeTests {
    @Test("status says what happened, when it was sent and that it may have been billed; retry keeps both calls")
    func retried() async throws {
        let daemon = try await RunningDaemon(environment: [
            "FLUXQ_PRICES": "black-forest-labs/flux-kontext-max=0.08"
        ])
        _ = try await daemon.run(
            ["submit", "--image", "-", "--wait", "x sandbox:gateway sandbox:times=1"], input: SamplePictures.png.bytes)
        let status = try await daemon.fluxq("status", "1")
        #expect(status.output.contains("job 1: failed: outcome_unknown"))
        #expect(status.output.contains("It may have been billed: the request"))
        #expect(status.output.contains("was sent 20"))
        #expect(status.output.contains("fluxq retry 1"))
        #expect(status.output.contains("may have been billed 1 x 0.08 USD"), "\(status.output)")
        let call = try #require(try await daemon.job(1).ledger?.first)
        #expect(call.billing == "unknown" && call.sentAt != nil && call.settledAt != nil && call.status == 504)

        #expect(try await daemon.fluxq("retry", "1").end == .exit(0))
        #expect(try await daemon.fluxq("wait", "1").end == .exit(0))
        let ledger = try #require(try await daemon.job(1).ledger)
        #expect(ledger.map(\.billing) == ["unknown", "billed"])
        #expect(ledger[0] == call)
        #expect(try await daemon.fluxq("list", "--json").output.contains("\"ledger\"") == false)
        await daemon.stop()
        #expect(try Ledger(of: daemon).attempts == ["unknown", "billed"])
    }
}
