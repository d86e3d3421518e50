import FluxqTestSupport
import Logging
import Synchronization
import Testing

@testable import FluxqControlServer

@Suite("Log lines that users cause")
struct UserLogTests {
    @Test("are limited per minute and user, one line reports the dropped ones, then it begins again")
    func limited() {
        let recorded = RecordedLog()
        let time = Mutex(ContinuousClock.now)
        let log = UserLog(Logger(label: "test") { _ in recorded }, now: { time.withLock { $0 } })
        func lines(containing text: String) -> Int { recorded.text.split(separator: "\n").count { $0.contains(text) } }
        for _ in 0..<1000 { log.log(.info, "mallory's", of: 1) }
        for _ in 0..<10 { log.log(.info, "vic's", of: 2) }
        #expect(lines(containing: "mallory's") == UserLog.linesPerMinute)
        #expect(lines(containing: "vic's") == 10)
        #expect(lines(containing: "were dropped") == 0)
        time.withLock { $0 += .seconds(61) }
        log.log(.info, "mallory's", of: 1)
        #expect(lines(containing: "mallory's") == UserLog.linesPerMinute + 1)
        #expect(lines(containing: "were dropped") == 1 && lines(containing: "\(1000 - UserLog.linesPerMinute)") == 1)
    }
}
