import FluxqControl
import FluxqModel
import Testing

@testable import FluxqCommands

@Suite("Usage and what is left")
struct UsageTests {
    private static var limits: UserLimits {
        var limits = UserLimits()
        limits[.imagesPerDay] = 4
        limits[.spendPerMonth] = 5_000_000
        limits[.retriesPerDay] = 10
        limits[.archiveBytes] = 1 << 30
        return limits
    }

    @Test("the caller's own: pictures, money, and each limit with what is left")
    func own() {
        let usage = Sample.usage(images: 1, limits: Self.limits) { use in
            use.queued = 3
            use.retriesToday = 2
            use.archiveBytes = 3 << 20
            use.today.reservedImages = 2
            use.today.reserved = 160_000
            use.month.unknownImages = 1
            use.month.unknown = 80_000
        }
        #expect(
            UsageSheet(usage: usage).lines(Sample.pipe) == [
                "alice (uid 1000)",
                "today       1 picture bought for 0.08 USD; 2 in flight (set aside 0.16 USD)",
                "this month  1 picture bought for 0.08 USD; 1 of calls that may have been billed (0.08 USD)",
                "",
                "LIMIT              USED        OF        LEFT",
                "queued jobs           3  no limit           -",
                "running jobs          0  no limit           -",
                "images a day          3         4           1",
                "spend a day    0.24 USD  no limit           -",
                "spend a month  0.16 USD     5 USD    4.84 USD",
                "retries a day         2        10           8",
                "one input             -  no limit           -",
                "unused inputs       0 B  no limit           -",
                "archive         3.0 MiB   1.0 GiB  1021.0 MiB",
                "text of jobs        0 B  no limit           -",
                "",
                "Days and months begin at 00:00 UTC.",
            ])
    }

    @Test("all users': a line for each")
    func all() {
        var other = Sample.usage(limits: UserLimits())
        other.owner = "bob\u{1B}"
        other.currency = nil
        let lines = UsageTable(users: [Sample.usage(images: 1, limits: Self.limits), other]).lines(Sample.pipe)
        #expect(
            lines == [
                " UID  USER   WEIGHT  QUEUED JOBS  RUNNING JOBS  IMAGES A DAY  SPEND A DAY      SPEND A MONTH  RETRIES A DAY         ARCHIVE"
                    + "  TEXT OF JOBS",
                "1000  alice       1            0             0        1 of 4     0.08 USD  0.08 USD of 5 USD        0 of 10  0 B of 1.0 GiB"
                    + "           0 B",
                #"1000  bob\e       1            0             0             0            -                  -              0             0 B"#
                    + "           0 B",
            ])
    }
}
