import FluxqModel
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
        CrashPoint.readinessAnnounced.pass()
        guard let interval else {
            try await gracefulShutdown()
            return
        }
        // Ends with the graceful shutdown, which reaches this service last: a drain is part of a healthy life.
        do {
            try await cancelWhenGracefulShutdown {
                while true {
                    await beat()
                    try await Task.sleep(for: interval.pause)
                }
            }
        } catch is CancellationError {
            // The shutdown; nothing went wrong.
        }
    }
}

extension HealthReport {
    /// A word to the watchdog. One that fails is only logged: what silence means is for the service manager to decide.
    private func beat() async {
        do {
            _ = try await store.newestEvent()
            try notifier.send(.watchdog)
        } catch {
            logger.error("The watchdog was not fed.", metadata: ["error": "\(error)"])
        }
    }
}

/// Tells the service manager of a stop before anything else ends.
struct StoppingNotice: Service {
    /// For what comes after the calls: requests in progress, the database.
    private static let closing = Duration.seconds(30)

    let notifier: ServiceNotifier
    /// `workers.drain_seconds`.
    let drain: Duration
    let logger: Logger

    func run() async throws {
        try await gracefulShutdown()
        do {
            try notifier.send(
                .stopping, .extendTimeout(drain + Self.closing),
                .status("Stopping: calls in flight are waited for, \(drain.components.seconds) s at most."))
        } catch {
            // No reason to give up the calls in flight.
            logger.error("The service manager was not told of the stop.", metadata: ["error": "\(error)"])
        }
    }
}
