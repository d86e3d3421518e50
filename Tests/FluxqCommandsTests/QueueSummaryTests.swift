import FluxqControl
import FluxqModel
import Testing

@testable import FluxqCommands

@Suite("The state of the queue")
struct QueueSummaryTests {
    private func lines(
        paused: QueueDocument.Paused? = nil, lanes: [LaneDocument] = [], short: QueueDocument.Short? = nil
    ) -> [String] {
        QueueSummary(
            queue: QueueDocument(
                counts: .init(queued: 3, running: 1, done: 12, failed: 0), paused: paused,
                lanes: lanes, short: short, usage: Sample.usage(images: 1))
        ).lines(Sample.pipe)
    }

    private let earlier = WireTime(Sample.now + .seconds(-600))
    private let later = WireTime(Sample.now + .seconds(90))
    private let yours =
        "Your jobs: 3 queued, 1 running, 12 done, 0 failed; 1 picture bought today (since 00:00 UTC)."

    private func held(
        _ cause: LaneGate.HoldCause, endpoint: String = "default", message: String = "m", probes: Int? = nil,
        someUsersOnly: Bool? = nil
    ) -> LaneDocument {
        LaneDocument(
            endpoint: endpoint, model: "flux", state: .held, cause: cause.rawValue, someUsersOnly: someUsersOnly,
            since: earlier, message: message, probes: probes, nextProbeAt: later)
    }

    private func rateLimited(until: WireTime) -> LaneDocument {
        LaneDocument(endpoint: "default", model: "flux", state: .rateLimited, until: until)
    }

    @Test("a queue that nothing stops is running")
    func running() {
        #expect(lines() == ["The queue is running.", yours])
        let open = LaneDocument(endpoint: "default", model: "flux", state: .running, callsAtOnce: 4)
        #expect(lines(lanes: [open, rateLimited(until: earlier)]) == ["The queue is running.", yours])
    }

    @Test("a held lane shows its name, the cause, since when, the next try and who can repair it")
    func heldLane() {
        #expect(
            lines(lanes: [held(.account, message: "invalid\u{1B} api key")]) == [
                "flux at default: The API rejects the account since 2026-11-22 12:50:00 (10 min ago):",
                #"  invalid\e api key"#,
                "Jobs stay queued. fluxq tries again automatically, next 2026-11-22 13:01:30 (in 1 min). The "
                    + "administrator must check the API key, and the account's balance and limits.",
                yours,
            ])
    }

    @Test("a hold shows the number of tries, and a full disk what to do")
    func triesAndDisk() {
        let held = lines(lanes: [held(.unreachable, probes: 3)])
        #expect(
            held[2].hasPrefix("Jobs stay queued. fluxq has tried 3 times since then. fluxq tries again automatically"))
        let short = lines(short: .init(since: earlier, message: "Make room."))
        #expect(short[0] == "The disk is full since 2026-11-22 12:50:00 (10 min ago):")
        #expect(short[1] == "  Make room.")
    }

    @Test("every cause of a hold has its own words and remedy", arguments: LaneGate.HoldCause.allCases)
    func causes(_ cause: LaneGate.HoldCause) {
        let mine = lines(lanes: [held(cause)])
        #expect(mine[0].hasPrefix("flux at default: ") && !mine[0].contains("Calls are held"))
        #expect(!mine[2].contains("If this continues, ask the administrator."))
    }

    @Test("the setting to check is the endpoint's own")
    func settings() {
        for cause in [LaneGate.HoldCause.unreachable, .wrongAddress] {
            #expect(lines(lanes: [held(cause)])[2].contains(" api.base_url"))
            #expect(lines(lanes: [held(cause, endpoint: "studio")])[2].contains(" endpoints.studio.base_url"))
        }
    }

    @Test("a hold for some users only is marked, and a model that no endpoint offers shows what to do")
    func fewer() {
        let some = lines(lanes: [held(.account, someUsersOnly: true)])
        #expect(some[0].contains("for some users only, because calls of others work"))
        let stranded = LaneDocument(
            endpoint: "old", model: "flux", state: .notOffered, message: "No endpoint offers it.")
        #expect(lines(lanes: [stranded]) == ["flux at old: not_offered", "  No endpoint offers it.", yours])
    }

    @Test("a pause and a rate limit are both shown")
    func pausedAndLimited() {
        let lines = lines(paused: .init(since: earlier, by: "root", uid: 0), lanes: [rateLimited(until: later)])
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("The queue is paused by root (uid 0) since 2026-11-22 12:50:00"))
        #expect(
            lines[1].hasPrefix(
                "flux at default: The API is rate-limiting requests until 2026-11-22 13:01:30 "
                    + "(in 1 min)."))
    }
}
