import FluxqModel
import Synchronization
import Testing

@testable import FluxqWorkers

@Suite("The workers' clock", .timeLimit(.minutes(30)))
struct ClockTests {
    @Test("a sleep lasts as long as requested, and ends immediately for a time that has passed")
    func sleeps() async throws {
        let clock = FluxqWorkers.SystemClock()
        let began = clock.uptime()
        try await clock.sleep(until: clock.now() + .milliseconds(50))
        #expect(clock.uptime() - began >= .milliseconds(48))
        try await clock.sleep(until: clock.now() + .seconds(-9))
        try await clock.sleep(for: .milliseconds(20))
        #expect(clock.uptime() - began >= .milliseconds(68))
    }

    @Test(
        "a sleep consists of naps of at most five minutes, and ends when its time is over or the wall clock was set",
        arguments: [
            // The rest by the wall clock, the real rest, and the next nap, all in seconds.
            (shown: 7.0, left: 7.0, nap: 7.0),
            (shown: 7.2, left: 7.0, nap: 7.0),
            (shown: 7.0, left: 7.9, nap: 7.0),
            (shown: 3600, left: 3600, nap: 300),
            (shown: 0, left: 0, nap: nil),
            (shown: -0.1, left: 0.2, nap: nil),
            (shown: 0.2, left: -0.1, nap: nil),
            // Set back by an hour and by two seconds; set forward by an hour, beyond the end and not.
            (shown: 4200, left: 600, nap: nil),
            (shown: 602, left: 600, nap: nil),
            (shown: -3000, left: 600, nap: nil),
            (shown: 600, left: 4200, nap: nil),
        ] as [(shown: Double, left: Double, nap: Double?)])
    func naps(_ shown: Double, left: Double, nap: Double?) {
        #expect(FluxqWorkers.SystemClock.nap(shown: .seconds(shown), left: .seconds(left)) == nap.map { .seconds($0) })
    }
}
