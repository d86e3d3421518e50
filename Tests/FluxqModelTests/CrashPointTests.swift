import Testing

@testable import FluxqModel

@Suite("Crash points")
struct CrashPointTests {
    @Test("without the environment variable they have no effect", arguments: CrashPoint.allCases)
    func passing(point: CrashPoint) {
        for _ in 0..<3 { point.pass() }
    }
}
