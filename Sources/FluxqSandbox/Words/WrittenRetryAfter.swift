import Glibc

/// How long an answer asks to wait, in any of the forms that are met.
enum WrittenRetryAfter: Hashable, Sendable {
    /// Sent as it was written: whole, decimal, negative, no number at all.
    case verbatim(String)
    /// An HTTP date so many seconds from now.
    case date(DateForm, secondsAhead: Int)
    /// `retry-after-ms`, which openai's servers send and its clients read first.
    case milliseconds(String)
    /// When the limit ends, as openai's servers say it beside: `x-ratelimit-reset-requests: 1m30s`.
    case reset(String)

    /// The three forms of a date in HTTP (RFC 9110, 5.6.7), by the names of their standards.
    enum DateForm: String, CaseIterable, Sendable {
        case date, rfc850, asctime
    }

    /// The header's name.
    var name: String {
        switch self {
        case .milliseconds: "retry-after-ms"
        case .reset: "x-ratelimit-reset-requests"
        case .verbatim, .date: "retry-after"
        }
    }

    var text: String {
        switch self {
        case .verbatim(let text), .milliseconds(let text), .reset(let text): text
        case .date(let form, let seconds): Self.httpDate(time(nil) + seconds, form)
        }
    }

    private static func httpDate(_ unixSeconds: Int, _ form: DateForm) -> String {
        let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var seconds = unixSeconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32, _ filler: String = "0") -> String { number < 10 ? "\(filler)\(number)" : "\(number)" }
        let weekday = days[Int(parts.tm_wday)]
        let month = months[Int(parts.tm_mon)]
        let year = parts.tm_year + 1900
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return switch form {
        case .date: "\(weekday.prefix(3)), \(two(parts.tm_mday)) \(month) \(year) \(clock) GMT"
        case .rfc850: "\(weekday), \(two(parts.tm_mday))-\(month)-\(two(year % 100)) \(clock) GMT"
        case .asctime: "\(weekday.prefix(3)) \(month) \(two(parts.tm_mday, " ")) \(clock) \(year)"
        }
    }
}
