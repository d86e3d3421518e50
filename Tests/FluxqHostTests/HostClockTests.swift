import FluxqHost
import Foundation
import Glibc
import Testing

@Suite("The host's clocks")
struct HostClockTests {
    @Test("the wall clock shows the time since 1970")
    func wall() {
        let before = Date().timeIntervalSince1970
        let shown = HostClock.wall() / .seconds(1)
        let seconds = HostClock.wallSeconds()
        let after = Date().timeIntervalSince1970
        #expect((before - 0.001...after + 0.001).contains(shown))
        #expect((Int(before)...Int(after)).contains(seconds))
    }

    @Test("uptime and the monotonic clock never go back", arguments: [HostClock.uptime, HostClock.monotonic])
    func monotonic(read: @Sendable () -> Duration) {
        let readings = (0..<1000).map { _ in read() }
        #expect(zip(readings, readings.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(readings[0] > .zero)
    }

    @Test(
        "whole numbers of a duration are rounded towards zero",
        arguments: [
            (timespec(tv_sec: 1, tv_nsec: 999_999_999), Int64(1_999_999), Int64(1_999_999_999)),
            (timespec(tv_sec: 0, tv_nsec: 999), 0, 999),
            (timespec(tv_sec: 2_000_000_000, tv_nsec: 1), 2_000_000_000_000_000, 2_000_000_000_000_000_001),
        ])
    func whole(time: timespec, microseconds: Int64, nanoseconds: Int64) {
        #expect(Duration(timespec: time).wholeMicroseconds == microseconds)
        #expect(Duration(timespec: time).wholeNanoseconds == nanoseconds)
    }
}
