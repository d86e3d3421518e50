import Glibc

/// How often the service manager expects a sign of life: sd_watchdog_enabled(3).
package struct WatchdogInterval: Hashable, Sendable {
    /// After this time without one, the program is killed and restarted.
    package let timeout: Duration

    /// The time between two of them: half the timeout, as the protocol advises.
    package var pause: Duration { timeout / 2 }

    /// nil if no watchdog is set for this process.
    package init?(environment: [String: String], processID: Int32 = getpid()) {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 else {
            return nil
        }
        // Without WATCHDOG_PID the variable is for any process.
        if let owner = environment["WATCHDOG_PID"], Int32(owner) != processID { return nil }
        timeout = .microseconds(microseconds)
    }
}
