import FluxqControl
import FluxqModel
import Testing

@testable import FluxqCommands

@Suite("How the queue is doing")
struct QueueSummaryTests {
    private func lines(
        paused: QueueDocument.Paused? = nil, held: QueueDocument.Held? = nil, rateLimitedUntil: WireTime? = nil,
        short: QueueDocument.Short? = nil
    ) -> [String] {
        QueueSummary(
            queue: QueueDocument(
                counts: .init(queued: 3, running: 1, done: 12, failed: 0), paused: paused, held: held,
                rateLimitedUntil: rateLimitedUntil, short: short, usage: Sample.usage(images: 1))
        ).lines(Sample.pipe)
    }

    private let earlier = WireTime(Sample.now + .seconds(-600))
    private let later = WireTime(Sample.now + .seconds(90))
    private let yours =
        "Your jobs: 3 queued, 1 running, 12 done, 0 failed; 1 picture bought today (since 00:00 UTC)."

    @Test("a queue that nothing stops is running")
    func running() {
        #expect(lines() == ["The queue is running.", yours])
        #expect(lines(rateLimitedUntil: earlier) == ["The queue is running.", yours])
    }

    @Test("a hold says why, since when, when it is tried again and who can mend it")
    func held() {
        let lines = lines(
            held: .init(cause: "account", since: earlier, message: "invalid\u{1B} api key", nextProbeAt: later))
        #expect(
            lines == [
                "The API refuses the account since 2026-11-22 12:50:00 (10 min ago):",
                #"  invalid\e api key"#,
                "Jobs stay queued. fluxq tries again by itself, next 2026-11-22 13:01:30 (in 1 min). The administrator "
                    + "has to look at the API key and the account's money and limits.",
                yours,
            ])
    }

    @Test("a hold tells how often it has been tried, and a full disk is told with what to do")
    func triesAndDisk() {
        let held = lines(
            held: .init(cause: "unreachable", since: earlier, message: "m", probes: 3, nextProbeAt: later))
        #expect(
            held[2].hasPrefix("Jobs stay queued. It has been tried 3 times since then. fluxq tries again by itself"))
        let short = lines(short: .init(since: earlier, message: "Make room."))
        #expect(short[0] == "The disk is full since 2026-11-22 12:50:00 (10 min ago):")
        #expect(short[1] == "  Make room.")
    }

    @Test("every cause of a hold has its own words", arguments: QueueGate.HoldCause.allCases)
    func causes(_ cause: QueueGate.HoldCause) {
        let lines = lines(held: .init(cause: cause.rawValue, since: earlier, message: "m", nextProbeAt: later))
        #expect(lines[0].hasPrefix("The API "))
    }

    @Test("a pause and a rate limit are both told")
    func pausedAndLimited() {
        let lines = lines(paused: .init(since: earlier, by: "root", uid: 0), rateLimitedUntil: later)
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("The queue is paused by root (uid 0) since 2026-11-22 12:50:00"))
        #expect(lines[1].hasPrefix("The API asked for patience until 2026-11-22 13:01:30 (in 1 min)."))
    }
}
