import FluxqModel
import Glibc

/// The wall clock of the caller's time zone (`$TZ`, /etc/localtime).
struct LocalClock: Sendable {
    /// The local time at a timestamp.
    var civil: @Sendable (Timestamp) -> CivilTime
    /// The timestamp of a local time; nil for an hour that is skipped when summer time begins.
    var timestamp: @Sendable (CivilTime) -> Timestamp?

    func text(_ time: Timestamp) -> String { civil(time).text }

    static let system = LocalClock(
        civil: { time in
            var seconds = time_t(time.rawValue / 1000)
            var fields = tm()
            localtime_r(&seconds, &fields)
            return CivilTime(fields)
        },
        timestamp: { civil in
            var fields = tm()
            fields.tm_year = Int32(civil.year - 1900)
            fields.tm_mon = Int32(civil.month - 1)
            fields.tm_mday = Int32(civil.day)
            fields.tm_hour = Int32(civil.hour)
            fields.tm_min = Int32(civil.minute)
            fields.tm_sec = Int32(civil.second)
            fields.tm_isdst = -1
            let seconds = mktime(&fields)
            // mktime moves an hour that does not exist to one that does.
            return CivilTime(fields) == civil ? Timestamp(secondsSinceEpoch: Int64(seconds)) : nil
        })
}

extension CivilTime {
    fileprivate init(_ fields: tm) {
        self.init(
            year: Int(fields.tm_year) + 1900, month: Int(fields.tm_mon) + 1, day: Int(fields.tm_mday),
            hour: Int(fields.tm_hour), minute: Int(fields.tm_min), second: Int(fields.tm_sec))
    }
}
