import FluxqModel
import Testing

@testable import FluxqImagesAPI

@Suite("Times from the API and its links")
struct TimesTests {
    /// 1994-11-06T08:49:37Z, the date of RFC 9110's examples.
    static let example = Timestamp(secondsSinceEpoch: 784_111_777)
    static let now = Timestamp(secondsSinceEpoch: 1_750_667_997)

    static let waits: [(milliseconds: String?, retryAfter: String?, wait: Duration?)] = [
        (nil, nil, nil), (nil, "", nil), (nil, "1", .seconds(1)), (nil, "120", .seconds(120)),
        (nil, "1.5", .milliseconds(1500)),
        (nil, "0.25", .milliseconds(250)), (nil, " 7 ", .seconds(7)), (nil, "3600", .seconds(3600)),
        (nil, "007", .seconds(7)),
        (nil, "0", nil), (nil, "0.0", nil), (nil, "-1", nil), (nil, "+5", nil), (nil, "3601", .seconds(3600)),
        (nil, "86400", .seconds(3600)), (nil, "100000000", nil),
        (nil, "99999999999999999999999", nil),
        (nil, "1e3", nil), (nil, "inf", nil), (nil, "nan", nil), (nil, "0x10", nil), (nil, "1,5", nil),
        (nil, "5 s", nil), (nil, "soon", nil),
        (nil, ".", nil), (nil, "1.2.3", nil),
        ("250", nil, .milliseconds(250)), ("1500.5", nil, .microseconds(1_500_500)), ("250", "9", .milliseconds(250)),
        ("0", "9", .seconds(9)),
        ("-1", "9", .seconds(9)), ("x", "9", .seconds(9)), ("3600001", "9", .seconds(3600)),
        ("99999999", nil, .seconds(3600)),
        (nil, "Mon, 23 Jun 2025 08:40:27 GMT", .seconds(30)), (nil, "Monday, 23-Jun-25 08:40:27 GMT", .seconds(30)),
        (nil, "Mon Jun 23 08:40:27 2025", .seconds(30)), (nil, "Mon, 23 Jun 2025 08:39:57 GMT", nil),
        (nil, "Mon, 23 Jun 2025 08:00:00 GMT", nil), (nil, "Mon, 23 Jun 2025 09:40:00 GMT", .seconds(3600)),
        (nil, "Fri, 31 Dec 1999 23:59:59 GMT", nil), (nil, "Mon, 23 Jun 2025 08:40:27", nil),
        (nil, "Mon, 23 Jun 2025 08:40:27 PST", nil),
    ]

    @Test("Retry-After in every form", arguments: waits)
    func retryAfter(milliseconds: String?, retryAfter: String?, wait: Duration?) {
        #expect(RetryAfter.parse(milliseconds: milliseconds, retryAfter: retryAfter, now: Self.now) == wait)
    }

    @Test(
        "the end of a limit, in every form",
        arguments: [
            ("5", .seconds(5)), ("1.5", .milliseconds(1500)), ("2s", .seconds(2)), ("6m0s", .seconds(360)),
            ("1h2m3.5s", .seconds(3600)), ("250ms", .milliseconds(250)), ("1750668007", .seconds(10)),
            ("1750668007500", .milliseconds(10_500)), ("Mon, 23 Jun 2025 08:40:27 GMT", .seconds(30)), ("0", nil),
            ("0s", nil), ("-1", nil), ("soon", nil), ("s", nil), ("5x", nil), ("", nil), ("1750667000", nil),
        ] as [(String, Duration?)])
    func resets(text: String, wait: Duration?) {
        #expect(RetryAfter.parse(reset: text, now: Self.now) == wait)
    }

    @Test(
        "an HTTP date in each of its three forms",
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "sun, 6 nov 1994 08:49:37 utc",
        ])
    func dates(text: String) {
        #expect(HTTPDate.parse(text) == Self.example)
    }

    @Test(
        "a date of the calendar is converted correctly",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Sat, 31 Dec 2033 23:59:60 GMT", 2_019_686_400),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200), ("Sun, 28 Feb 2100 12:00:00 GMT", 4_107_499_200),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ])
    func calendar(text: String, seconds: Int64) {
        #expect(HTTPDate.parse(text) == Timestamp(secondsSinceEpoch: seconds))
    }

    @Test(
        "an invalid date is rejected",
        arguments: [
            "", "Sun", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 29 Feb 2100 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1960 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
        ])
    func noDates(text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }

    static let hour = Duration.seconds(3600)
    static let week = Duration.seconds(7 * 86_400)

    static let deadlines: [(link: String, created: Timestamp?, deadline: Timestamp)] = [
        ("https://h/a", nil, now + week),
        ("https://h/a", now + .seconds(-60), now + .seconds(-60) + week),
        ("https://h/a", now + .seconds(86_400), now + .seconds(86_400) + week),
        ("https://h/a", now + .seconds(-86_401), now + week), ("https://h/a", now + .seconds(86_401), now + week),
        ("https://h/a", Timestamp(rawValue: .min), now + week), ("https://h/a", Timestamp(rawValue: .max), now + week),
        ("https://h/a?Expires=1750671597", now, now + hour),
        ("https://h/a?x=1&Expires=1750671597&Signature=a+b", now, now + hour),
        ("https://h/a?expires=1750671597#f", now, now + hour),
        ("https://h/a?Expires=1750667997", now, now + week), ("https://h/a?Expires=5", now, now + week),
        ("https://h/a?Expires=1750671597000", now, now + week),
        ("https://h/a?Expires=99999999999", now, now + week), ("https://h/a?Expires=soon", now, now + week),
        ("https://h/a?Expires=-1", now, now + week),
        ("https://h/a?NotExpires=1750671597", now, now + week), ("https://h/a#Expires=1750671597", now, now + week),
        ("https://h/Expires=1750671597", now, now + week),
        ("https://h/a?X-Amz-Date=20250623T083957Z&X-Amz-Expires=3600", now, now + hour),
        ("https://h/a?X-Goog-Expires=3600&X-Goog-Date=20250623T083957Z", now, now + hour),
        ("https://h/a?X-Amz-Date=20250623T083957Z", now, now + week),
        ("https://h/a?X-Amz-Expires=3600", now, now + week),
        ("https://h/a?X-Amz-Date=20251323T083957Z&X-Amz-Expires=3600", now, now + week),
        ("https://h/a?sv=2024&se=2025-06-23T09%3A39%3A57Z&sp=r&sig=a%2Bb%3D", now, now + hour),
        ("https://h/a?se=2025-06-23T09:39:57Z&sig=x", now, now + hour),
        ("https://h/a?se=2025-06-23T09%3A39%3A57Z", now, now + week), ("https://h/a?se=soon&sig=x", now, now + week),
        ("https://h/a?X-Amz-Date=junk&X-Amz-Expires=3600", now, now + week), ("", nil, now + week),
    ]

    @Test("a link's deadline comes from the link, or is a week after created, or a week from now", arguments: deadlines)
    func linkDeadline(link: String, created: Timestamp?, deadline: Timestamp) {
        #expect(LinkDeadline.of(link: link, created: created, now: Self.now) == deadline)
    }
}
