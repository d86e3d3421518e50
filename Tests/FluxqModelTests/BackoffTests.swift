import Testing

@testable import FluxqModel

@Suite("Pauses")
struct BackoffTests {
    @Test("the ceiling doubles up to its cap and never overflows")
    func ceiling() {
        let backoff = Backoff(base: .seconds(2), cap: .seconds(300))
        #expect(
            [1, 2, 3, 8, 9, 1000, .max].map(backoff.ceiling) == [2, 4, 8, 256, 300, 300, 300].map(Duration.seconds))
        #expect(backoff.ceiling(failures: 0) == .seconds(2))
    }

    @Test("a pause lies anywhere between nothing and its ceiling")
    func jitter() {
        let backoff = Backoff(base: .seconds(2), cap: .seconds(300))
        var random = SystemRandomNumberGenerator()
        let pauses = (0..<1000).map { _ in backoff.pause(failures: 3, using: &random) }
        #expect(pauses.allSatisfy { (.zero ... .seconds(8)).contains($0) })
        #expect(pauses.contains { $0 < .seconds(2) } && pauses.contains { $0 > .seconds(6) })
    }

    @Test("arithmetic with extreme times saturates instead of crashing")
    func saturation() {
        #expect(Timestamp(rawValue: .max) + .seconds(1) == Timestamp(rawValue: .max))
        #expect(Timestamp(rawValue: .min) + .seconds(-1) == Timestamp(rawValue: .min))
        #expect(Timestamp(rawValue: .max) - Timestamp(rawValue: -1) == .milliseconds(Int64.max))
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
    }
}
