import FluxqControl
import FluxqControlServer
import FluxqModel
import Foundation

@testable import FluxqCommands

/// Documents as the daemon sends them, and a fixed current time.
enum Sample {
    /// 2026-11-22T12:00:00Z.
    static let now = Timestamp(secondsSinceEpoch: 1_795_348_800)

    /// A clock that is `hours` ahead of UTC and skips the hour after `gap`.
    static func clock(hoursAhead hours: Int = 1, gap: CivilTime? = nil) -> LocalClock {
        LocalClock(
            civil: { time in
                let seconds = Int(time.rawValue / 1000) + hours * 3600
                var fields = tm()
                var whole = time_t(seconds)
                gmtime_r(&whole, &fields)
                return CivilTime(
                    year: Int(fields.tm_year) + 1900, month: Int(fields.tm_mon) + 1, day: Int(fields.tm_mday),
                    hour: Int(fields.tm_hour), minute: Int(fields.tm_min), second: Int(fields.tm_sec))
            },
            timestamp: { civil in
                civil == gap ? nil : civil.timestamp(offsetSeconds: hours * 3600)
            })
    }

    static let pipe = Presentation(palette: .plain, width: nil, now: now, clock: clock())

    static func terminal(_ columns: Int, colours: Bool = false) -> Presentation {
        Presentation(palette: Palette(colours: colours), width: columns, now: now, clock: clock())
    }

    /// A job submitted an hour before `now`, with the given members set or replaced.
    static func job(_ id: Int64 = 42, _ state: String = "done", _ members: [String: Any] = [:]) throws -> JobDocument {
        var document: [String: Any] = [
            "id": id, "state": state, "owner": "alice", "uid": 1000, "priority": 0, "attempts": 1,
            "created_at": "2026-11-22T11:00:00.000Z", "request": request(), "images": [Any](),
        ]
        document.merge(members) { $1 }
        return try JSONDecoder().decode(JobDocument.self, from: JSONSerialization.data(withJSONObject: document))
    }

    /// Alice's usage: `images` pictures today, for 0.08 USD each.
    static func usage(
        images: Int64 = 0, limits: UserLimits = UserLimits(), use change: (inout UserUse) -> Void = { _ in }
    )
        -> UsageDocument
    {
        let tally = UserUse.Tally(images: images, spent: images * 80_000)
        var use = UserUse(today: tally, month: tally)
        change(&use)
        let today = UTCDay(now)
        return UsageDocument(
            owner: User(uid: 1000, name: "alice"), limits: limits, use: use, currency: "USD",
            dayEnds: today.next.start, monthEnds: today.firstOfNextMonth.start)
    }

    static func request(_ members: [String: Any] = [:]) -> [String: Any] {
        ["model": "m", "prompt": "Convert to quick pencil sketch", "seed": 7, "response_format": "url"]
            .merging(members) { $1 }
    }

    static func pending(_ index: Int, deadline: String = "2026-11-28T15:00:00.000Z") -> [String: Any] {
        ["index": index, "deadline": deadline, "tries": 0, "next_try_at": "2026-11-22T12:00:00.000Z"]
    }

    static func image(
        _ index: Int, _ mediaType: String = "image/png", hash: String = "sha256:" + String(repeating: "a", count: 64),
        bytes: Int = 1_398_101
    ) -> [String: Any] {
        ["index": index, "hash": hash, "media_type": mediaType, "width": 1024, "height": 768, "bytes": bytes]
    }
}
