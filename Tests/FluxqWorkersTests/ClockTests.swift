import FluxqModel
import Synchronization
import Testing

@testable import FluxqWorkers

@Suite("The workers' clock", .timeLimit(.minutes(30)))
struct ClockTests {
    @Test("a sleep lasts as long as it should, and ends at once for a time that has passed")
    func sleeps() async throws {
        let clock = FluxqWorkers.SystemClock()
        let began = clock.uptime()
        try await clock.sleep(until: clock.now() + .milliseconds(50))
        #expect(clock.uptime() - began >= .milliseconds(48))
        try await clock.sleep(until: clock.now() + .seconds(-9))
        try await clock.sleep(for: .milliseconds(20))
        #expect(clock.uptime() - began >= .milliseconds(68))
    }
}
