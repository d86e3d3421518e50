import FluxqModel
import Testing

@testable import FluxqWorkers

@Suite("The clock by which old data is deleted")
struct ClockTrustTests {
    private static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)

    /// The readings of the two clocks, in seconds since the start of the process.
    struct Look: Sendable, CustomStringConvertible {
        let wall: Int
        let uptime: Int
        /// Seconds until the wall clock may be trusted; 0 for now.
        let wait: Int
        var description: String { "wall +\(wall), uptime +\(uptime)" }
    }

    @Test(
        "is trusted after an hour in which it was not set, and not in the hour after it was set",
        arguments: [
            // A host that is restarted every day deletes data an hour after its start.
            [
                Look(wall: 0, uptime: 0, wait: 3600), Look(wall: 3599, uptime: 3599, wait: 1),
                Look(wall: 3600, uptime: 3600, wait: 0),
            ],
            // Corrected by less than a minute.
            [Look(wall: 3659, uptime: 3600, wait: 0), Look(wall: 86_400, uptime: 86_400, wait: 0)],
            // A week forward, and back again.
            [
                Look(wall: 3600, uptime: 3600, wait: 0), Look(wall: 608_460, uptime: 3660, wait: 3600),
                Look(wall: 612_000, uptime: 7200, wait: 60), Look(wall: 612_060, uptime: 7260, wait: 0),
                Look(wall: 7320, uptime: 7320, wait: 3600), Look(wall: 10_920, uptime: 10_920, wait: 0),
            ],
            // Set by the network some time after the start.
            [Look(wall: -9_000_000, uptime: 100, wait: 3600), Look(wall: 110, uptime: 110, wait: 3600)],
        ])
    func trust(looks: [Look]) {
        var trust = ClockTrust(wall: Self.start, uptime: .zero, probation: .seconds(3600))
        for look in looks {
            let wait = trust.look(wall: Self.start + .seconds(look.wall), uptime: .seconds(look.uptime))
            #expect(wait ?? .zero == .seconds(look.wait), "\(look)")
        }
    }
}
