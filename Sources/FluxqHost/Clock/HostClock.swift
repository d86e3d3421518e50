package import Glibc

/// The clocks of this host.
package enum HostClock {
    /// The wall clock: the time since 1970-01-01T00:00:00Z. Somebody may set it, forward or back, at any time.
    package static func wall() -> Duration { read(CLOCK_REALTIME) }

    /// The wall clock's whole seconds since 1970-01-01T00:00:00Z.
    package static func wallSeconds() -> Int { Int(wall().components.seconds) }

    /// The time since the host started. Nobody sets this clock, and it continues while the host sleeps.
    package static func uptime() -> Duration { read(CLOCK_BOOTTIME) }

    /// A clock that nobody sets and that stops while the host sleeps: the one by which systemd and the host's processes
    /// compare their moments.
    package static func monotonic() -> Duration { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        // It fails only for a clock that the system does not have; these three are everywhere.
        clock_gettime(clock, &time)
        return Duration(timespec: time)
    }
}

extension Duration {
    /// Since the clock's beginning.
    package init(timespec time: timespec) {
        self = .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Whole microseconds, rounded towards zero.
    package var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }

    /// Whole nanoseconds, rounded towards zero. For times that fit: 292 years.
    package var wholeNanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
