import Glibc

/// How often the service manager wants to hear that fluxqd lives: sd_watchdog_enabled(3).
package struct WatchdogInterval: Hashable, Sendable {
    /// After that long without a word fluxqd is killed and restarted.
    package let timeout: Duration

    /// Between two words: half the time, as the protocol advises.
    package var pause: Duration { timeout / 2 }

    /// Nil if no watchdog waits for this process.
    package init?(environment: [String: String], processID: Int32 = getpid()) {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 else {
            return nil
        }
        // Without WATCHDOG_PID the variable is meant for any reader.
        if let owner = environment["WATCHDOG_PID"], Int32(owner) != processID { return nil }
        timeout = .microseconds(microseconds)
    }
}
