import Glibc

/// The value of a Retry-After header.
enum RetryAfter: Hashable, Sendable {
    /// A number, sent as it was written: whole, decimal, negative.
    case verbatim(String)
    /// An HTTP date so many seconds from now.
    case date(secondsAhead: Int)

    var text: String {
        switch self {
        case .verbatim(let text): text
        case .date(let seconds): Self.httpDate(time(nil) + seconds)
        }
    }

    /// Such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
    private static func httpDate(_ unixSeconds: Int) -> String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        var seconds = unixSeconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) "
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
