import FluxqStore
import Logging
import ServiceLifecycle

/// Tells the service manager that fluxqd is ready, and that it lives: a word to the watchdog goes out only after the
/// database has answered.
struct HealthReport: Service {
    let notifier: ServiceNotifier
    /// nil where no watchdog waits.
    let interval: WatchdogInterval?
    let store: Store
    let logger: Logger

    func run() async throws {
        try notifier.send(.ready)
        guard let interval else {
            try await gracefulShutdown()
            return
        }
        // Ends with the graceful shutdown, which reaches this service last: a drain is part of a healthy life.
        try await cancelWhenGracefulShutdown {
            while true {
                _ = try await store.newestEvent()
                try notifier.send(.watchdog)
                try await Task.sleep(for: interval.pause)
            }
        }
    }
}

/// Tells the service manager of a stop before anything else ends.
struct StoppingNotice: Service {
    let notifier: ServiceNotifier

    func run() async throws {
        try await gracefulShutdown()
        try notifier.send(.stopping)
    }
}
