import FluxqModel
import Foundation
import Testing

@Suite("Days and months in UTC")
struct UTCDayTests {
    private static func time(_ text: String) throws -> Timestamp {
        let date = try #require(try? Date.ISO8601FormatStyle().parse(text))
        return Timestamp(secondsSinceEpoch: Int64(date.timeIntervalSince1970))
    }

    @Test(
        "a day ends at the next 00:00, a month on the first of the next",
        arguments: [
            ("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2027-02-28T12:00:00Z", "2027-03-01T00:00:00Z", "2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z"),
            ("2028-02-28T12:00:00Z", "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("2100-02-28T12:00:00Z", "2100-03-01T00:00:00Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z"),
            ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"),
            ("1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ])
    func boundaries(now: String, tomorrow: String, first: String, firstOfNext: String) throws {
        let day = UTCDay(try Self.time(now))
        #expect(day.next.start == (try Self.time(tomorrow)))
        #expect(day.firstOfMonth.start == (try Self.time(first)))
        #expect(day.firstOfNextMonth.start == (try Self.time(firstOfNext)))
    }

    @Test("every day of four centuries is in the same month as in the system's calendar")
    func calendar() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        for number in stride(from: Int64(0), to: 146_097, by: 13) {
            let day = UTCDay(rawValue: number)
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            let ofMonth = calendar.component(.day, from: date)
            #expect(day.firstOfMonth.rawValue == number - Int64(ofMonth) + 1)
        }
    }
}
