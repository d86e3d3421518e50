import Testing

@testable import FluxqModel

@Suite("The pace of calls")
struct CallLimiterTests {
    @Test("too many requests halve it, once for all calls that were in flight together, and never below one")
    func decrease() {
        var pace = CallLimiter()
        #expect(pace.allowed(ceiling: 8) == 8)
        for call in 1...8 { pace.slowDown(call: call, latest: 8, ceiling: 8) }
        #expect(pace.allowed(ceiling: 8) == 4)
        for (call, expected) in [(9, 2), (10, 1), (11, 1)] {
            pace.slowDown(call: call, latest: call, ceiling: 8)
            #expect(pace.allowed(ceiling: 8) == expected)
        }
    }

    @Test("a run of as many successes as it allows raises it by one, up to the endpoint's number")
    func increase() {
        var pace = CallLimiter(limit: 1)
        var seen: [Int] = []
        for _ in 0..<6 {
            pace.succeed(ceiling: 4)
            seen.append(pace.allowed(ceiling: 4))
        }
        #expect(seen == [2, 2, 3, 3, 3, 4])
        // A removed limit follows the configuration immediately; a remaining one keeps its learnt value.
        #expect(pace.allowed(ceiling: 9) == 9 && CallLimiter(limit: 3).allowed(ceiling: 2) == 2)
    }
}
