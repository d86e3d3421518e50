import FluxqModel
import FluxqStore
import FluxqWorkers
import Logging
import ServiceLifecycle

/// Tells the service manager that fluxqd is ready, and that it lives: a word to the watchdog goes out only after the
/// database and the dispatchers of the work have answered.
struct HealthReport: Service {
    let notifier: ServiceNotifier
    /// nil if no watchdog waits.
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
        // Ends with the graceful shutdown, which reaches this service last: a drain is part of a healthy life.
        do {
            try await cancelWhenGracefulShutdown {
                while true {
                    let next = ContinuousClock.now + interval.pause
                    try await beat(patience: interval.pause / 2)
                    try await Task.sleep(until: next, clock: .continuous)
                }
            }
        } catch is CancellationError {
            // The shutdown; nothing went wrong.
        }
    }
}

extension HealthReport {
    /// A word to the watchdog. One that fails is only logged: what silence means is for the service manager to decide.
    ///
    /// - Parameter patience: until the log says who has not answered.
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
                .status("Stopping: waiting up to \(drain.components.seconds) s for calls in flight."))
        } catch {
            // No reason to give up the calls in flight.
            logger.error("The service manager was not told of the stop.", metadata: ["error": "\(error)"])
        }
    }
}
