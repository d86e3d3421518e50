import FluxqControl
import FluxqModel
import Testing

@testable import FluxqCommands

@Suite("The times of --at")
struct StartTimeTests {
    /// Parses at 2026-11-22T12:00:00Z, which is 13:00 local time.
    private func parse(_ text: String) throws(StartTime.Wrong) -> String {
        let gap = CivilTime(year: 2027, month: 3, day: 28, hour: 2, minute: 30)
        return WireTime(try StartTime.parse(text, now: Sample.now, clock: Sample.clock(gap: gap))).text
    }

    @Test(
        "every way to write a time is understood",
        arguments: [
            ("2026-11-24T08:00:00Z", "2026-11-24T08:00:00.000Z"), ("2026-11-24T08:00Z", "2026-11-24T08:00:00.000Z"),
            ("2026-11-24t08:00:00.123z", "2026-11-24T08:00:00.000Z"),
            ("2026-11-24 08:00+01:00", "2026-11-24T07:00:00.000Z"),
            ("2026-11-24T08:00-0330", "2026-11-24T11:30:00.000Z"), ("2026-11-24T08:00+01", "2026-11-24T07:00:00.000Z"),
            ("2026-11-24 08:00", "2026-11-24T07:00:00.000Z"), ("2026-11-24T08:00:30", "2026-11-24T07:00:30.000Z"),
            ("2028-02-29 00:00", "2028-02-28T23:00:00.000Z"), ("13:01", "2026-11-22T12:01:00.000Z"),
            ("13:00", "2026-11-23T12:00:00.000Z"), ("08:00", "2026-11-23T07:00:00.000Z"),
            ("23:59:59", "2026-11-22T22:59:59.000Z"), ("now", "2026-11-22T12:00:00.000Z"),
            ("now+2h", "2026-11-22T14:00:00.000Z"), ("+30min", "2026-11-22T12:30:00.000Z"),
            ("+1h30m", "2026-11-22T13:30:00.000Z"), ("+90s", "2026-11-22T12:01:30.000Z"),
            ("+2d", "2026-11-24T12:00:00.000Z"), (" 13:01 ", "2026-11-22T12:01:00.000Z"),
            // A moment ago counts as now.
            ("2026-11-22T11:59:30Z", "2026-11-22T12:00:00.000Z"),
        ])
    func understood(text: String, time: String) throws {
        #expect(try parse(text) == time)
    }

    @Test(
        "anything else is refused with the reason",
        arguments: [
            ("", StartTime.Wrong.unreadable), ("tomorrow", .unreadable), ("8:00", .unreadable), ("08.00", .unreadable),
            ("2026-11-24", .unreadable), ("24.11.2026 08:00", .unreadable), ("2026-11-24 8:00", .unreadable),
            ("2026-11-24T08:00 Z", .unreadable), ("2026-11-24T08:00+1", .unreadable),
            ("2026-11-24T08:00+01:", .unreadable), ("2026-11-24T08:00Zulu", .unreadable), ("+", .unreadable),
            ("now+", .unreadable), ("+h", .unreadable), ("+2", .unreadable), ("+2 h", .unreadable),
            ("+2weeks", .unreadable), ("+-2h", .unreadable), ("+99999999999h", .unreadable), ("now-2h", .unreadable),
            ("٠٨:٠٠", .unreadable), ("2027-02-29 08:00", .noSuchTime), ("2026-13-01 08:00", .noSuchTime),
            ("2026-11-31 08:00", .noSuchTime), ("2026-11-24 24:00", .noSuchTime), ("25:00", .noSuchTime),
            ("08:60", .noSuchTime), ("2027-03-28 02:30", .noSuchTime), ("+9999999d", .noSuchTime),
            ("2025-11-24 08:00", .past), ("2026-11-22T11:58:00Z", .past),
        ])
    func refused(text: String, wrong: StartTime.Wrong) {
        #expect(throws: wrong) { try parse(text) }
    }

    @Test(
        "an earlier time is a date, a date and a time, or a span before now",
        arguments: [
            ("30d", "2026-10-23T12:00:00.000Z"), ("2h", "2026-11-22T10:00:00.000Z"),
            ("now", "2026-11-22T12:00:00.000Z"),
            ("2026-11-01", "2026-10-31T23:00:00.000Z"), ("2026-11-01 08:00", "2026-11-01T07:00:00.000Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00.000Z"), ("2025-11-24 08:00", "2025-11-24T07:00:00.000Z"),
        ])
    func earlier(text: String, time: String) throws {
        let clock = Sample.clock(gap: CivilTime(year: 2027, month: 3, day: 28, hour: 2, minute: 30))
        #expect(WireTime(try StartTime.earlier(text, now: Sample.now, clock: clock)).text == time)
        for wrong in ["", "x\(text)", "\(text)x", "-\(text)"] {
            #expect(throws: StartTime.Wrong.self, "\(wrong)") {
                try StartTime.earlier(wrong, now: Sample.now, clock: clock)
            }
        }
    }

    @Test(
        "the calendar agrees with the system's, day by day over four centuries' rules",
        arguments: [0, 11_016, 18_262, 47_541])
    func calendar(firstDay: Int) {
        let clock = Sample.clock(hoursAhead: 0)
        for day in firstDay..<firstDay + 1500 {
            let time = Timestamp(secondsSinceEpoch: Int64(day) * 86_400 + 3_723)
            let civil = clock.civil(time)
            #expect(civil.isValid)
            #expect(civil.timestamp(offsetSeconds: 0) == time)
        }
    }

    @Test("the system's clock reads back what it shows")
    func systemClock() {
        let time = Timestamp(secondsSinceEpoch: 1_795_348_800)
        let civil = LocalClock.system.civil(time)
        #expect(LocalClock.system.timestamp(civil) == time)
    }
}
