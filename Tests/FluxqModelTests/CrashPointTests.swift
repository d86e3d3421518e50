import Testing

@testable import FluxqModel

@Suite("Crash points")
struct CrashPointTests {
    @Test("without a word in the environment they are passed as if they were not there", arguments: CrashPoint.allCases)
    func passing(point: CrashPoint) {
        for _ in 0..<3 { point.pass() }
    }
}
