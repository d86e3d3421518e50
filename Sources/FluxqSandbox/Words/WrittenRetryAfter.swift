import FluxqHost
import Glibc

/// The time that an answer asks to wait, in any known form.
enum WrittenRetryAfter: Hashable, Sendable {
    /// Sent unchanged: an integer, a decimal, a negative number, or not a number at all.
    case verbatim(String)
    /// An HTTP date this many seconds from now.
    case date(DateForm, secondsAhead: Int)
    /// `retry-after-ms`, which OpenAI's servers send and its clients read first.
    case milliseconds(String)
    /// The time until the limit resets, as OpenAI's servers also send it: `x-ratelimit-reset-requests: 1m30s`.
    case reset(String)

    /// HTTP's three date formats (RFC 9110, 5.6.7), named after their standards.
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
        case .date(let form, let seconds): Self.httpDate(HostClock.wallSeconds() + seconds, form)
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
