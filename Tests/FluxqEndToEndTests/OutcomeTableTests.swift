import FluxqControl
import FluxqTestSupport
import Testing

/// One row of the outcome table as a user sees it: what the API plays, and what becomes of the job and of the bill.
struct OutcomeRow: Sendable, CustomStringConvertible {
    /// Words of the sandbox.
    let play: String
    var options: [String] = []
    let exit: Int32
    let state: String
    var reason: String?
    var warning: String?
    /// Calls that count as attempts.
    var attempts = 1
    /// Calls that reached the API.
    var calls = 1
    /// Calls that the sandbox would have billed.
    let billed: Int
    var images = 0

    var description: String { play.isEmpty ? "plain" : play }

    static let all: [OutcomeRow] = [
        .init(play: "", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "inline", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "", options: ["--response-format", "b64_json"], exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "both", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "inline sandbox:b64-lines", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "inline sandbox:b64-urlsafe", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "created-string", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "no-created", exit: 0, state: "done", billed: 1, images: 2),
        .init(play: "fewer=1", exit: 0, state: "done", warning: "1 of 2 pictures came", billed: 1, images: 1),
        .init(play: "item-error", exit: 0, state: "done", warning: "1 of 2 pictures came", billed: 1, images: 1),
        .init(play: "flaky-link=1", exit: 0, state: "done", billed: 1, images: 2),

        .init(play: "rate-limit=1 sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "busy=1 sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "bad-key sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "no-money sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "forbidden sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "quota sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "envelope=401 sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),
        .init(play: "error-string sandbox:times=1", exit: 0, state: "done", calls: 2, billed: 1, images: 2),

        .init(play: "rejected", exit: 1, state: "failed", reason: "rejected", billed: 0),
        .init(play: "status=404", exit: 1, state: "failed", reason: "rejected", billed: 0),
        .init(play: "status=413", exit: 1, state: "failed", reason: "rejected", billed: 0),
        .init(play: "status=422", exit: 1, state: "failed", reason: "rejected", billed: 0),
        .init(play: "redirect", exit: 1, state: "failed", reason: "rejected", billed: 0),
        .init(play: "error-in-200", exit: 1, state: "failed", reason: "rejected", billed: 0),
        .init(play: "moderated", exit: 1, state: "failed", reason: "moderated", billed: 0),

        .init(play: "server-error", exit: 1, state: "failed", reason: "exhausted", attempts: 2, calls: 2, billed: 0),
        .init(
            play: "server-error sandbox:times=1", exit: 0, state: "done", attempts: 2, calls: 2, billed: 1, images: 2),
        .init(play: "status=503", exit: 1, state: "failed", reason: "exhausted", attempts: 2, calls: 2, billed: 0),

        .init(play: "status=408", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(play: "status=502", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(play: "status=520", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(play: "gateway", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(play: "reset", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(play: "truncated", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(play: "stall", exit: 1, state: "failed", reason: "outcome_unknown", billed: 1),
        .init(
            play: "reset sandbox:times=1", options: ["--on-unknown", "retry"], exit: 0, state: "done", attempts: 2,
            calls: 2,
            billed: 2, images: 2),

        .init(play: "empty", exit: 1, state: "failed", reason: "no_image", billed: 1),
        .init(play: "null-data", exit: 1, state: "failed", reason: "no_image", billed: 1),
        .init(play: "html", exit: 1, state: "failed", reason: "no_image", billed: 1),
        .init(play: "inline sandbox:not-a-picture", exit: 1, state: "failed", reason: "no_image", billed: 1),
        .init(play: "inline sandbox:truncated-picture", exit: 1, state: "failed", reason: "no_image", billed: 1),
        .init(play: "bad-scheme-link", exit: 1, state: "failed", reason: "link_lost", billed: 1),
        .init(play: "dead-link sandbox:expires=1", exit: 1, state: "failed", reason: "link_lost", billed: 1),
    ]
}

@Suite("The outcome table, played by the sandbox", .timeLimit(.minutes(5)))
struct OutcomeTableTests {
    @Test("each row leads to its state, its reason and its bill", arguments: OutcomeRow.all)
    func row(_ row: OutcomeRow) async throws {
        let daemon = try await RunningDaemon(environment: [
            "FLUXQ_WORKERS_MAX_ATTEMPTS": "2", "FLUXQ_API_TIMEOUT_SECONDS": row.play == "stall" ? "2" : "60",
        ])
        let prompt = row.play.isEmpty ? "Make it rain" : "Make it rain sandbox:\(row.play)"
        let run = try await daemon.run(
            ["submit", "--image", "-", "--n", "2", "--wait"] + row.options + [prompt], input: SamplePictures.png.bytes)
        #expect(run.end == .exit(row.exit), "\(run.errors)")
        #expect(run.lines.first == "1")

        let job = try await daemon.job(1)
        #expect(job.state == row.state)
        #expect(job.reason == row.reason)
        #expect(job.warning == row.warning)
        #expect(job.attempts == row.attempts)
        #expect(job.images.count == row.images)
        #expect(row.state == "done" || !(job.message ?? "").isEmpty)

        let ledger = try daemon.ledger()
        #expect(ledger.count == row.calls)
        #expect(ledger.count(where: \.billed) == row.billed)
        await daemon.stop()
        #expect(try Ledger(of: daemon).disagreements(with: ledger) == [])
    }
}
