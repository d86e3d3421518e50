import FluxqHost
import FluxqModel
import FluxqStore
import FluxqWorkers
import Logging
import ServiceLifecycle

/// Notifies the service manager that fluxqd is ready and alive. The watchdog is notified only after the database and
/// the dispatchers have answered.
struct HealthReport: Service {
    let notifier: ServiceNotifier
    /// nil if no watchdog is set.
    let interval: WatchdogInterval?
    let store: Store
    let workers: Workers
    let logger: Logger

    func run() async throws {
        try notifier.send(.ready)
        CrashPoint.readinessAnnounced.pass()
        guard let interval else {
            try await gracefulShutdown()
            return
        }
        // Ends with the graceful shutdown, which reaches this service last: a draining daemon is still healthy.
        do {
            try await cancelWhenGracefulShutdown {
                while true {
                    let next = ContinuousClock.now + interval.pause
                    try await beat(patience: interval.pause / 2)
                    try await Task.sleep(until: next, clock: .continuous)
                }
            }
        } catch is CancellationError {
            // The shutdown, not an error.
        }
    }
}

extension HealthReport {
    /// Notifies the watchdog. A failure is only logged: the service manager decides what silence means.
    ///
    /// - Parameter patience: the time until the log names a component that has not answered.
    private func beat(patience: Duration) async throws(CancellationError) {
        do {
            try await hear("the database", patience) { _ = try await store.newestEvent() }
            try await hear("the dispatchers of the work", patience) { try await workers.answer() }
            try notifier.send(.watchdog)
        } catch let error as CancellationError {
            throw error
        } catch {
            logger.error("The watchdog was not notified.", metadata: ["error": "\(error)"])
        }
    }

    private func hear(
        _ part: String, _ patience: Duration, _ answer: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [logger] in
                try await Task.sleep(for: patience)
                logger.error(
                    "A component is not responding; the watchdog will restart fluxqd if this continues.",
                    metadata: ["part": "\(part)"])
            }
            defer { group.cancelAll() }
            try await answer()
        }
    }
}

/// Notifies the service manager of a stop before any other service ends.
struct StoppingNotice: Service {
    /// Time for the steps after the calls: requests in progress, the database.
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
                .status("Stopping: waiting up to \(drain.components.seconds) s for calls in flight."))
        } catch {
            // No reason to abandon the calls in flight.
            logger.error("The service manager was not told of the stop.", metadata: ["error": "\(error)"])
        }
    }
}
