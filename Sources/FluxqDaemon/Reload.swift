import FluxqControlServer
import FluxqDoor
import FluxqHost
import FluxqImagesAPI
import FluxqStore
import FluxqWorkers
import Logging
import Synchronization

/// Reads the configuration again while fluxqd runs, and applies what can change. A configuration with any error changes
/// nothing.
final class Reload: Sendable {
    /// The parts to which new settings are applied.
    struct Parts: Sendable {
        let store: Store
        let workers: Workers
        let server: ControlServer
        let door: Reloadable<Door.Settings>
        let apis: [ImagesClient]
    }

    private let parts: Parts
    private let notifier: ServiceNotifier
    private let logger: Logger
    private let read: @Sendable () throws -> Configuration
    /// Sets the parts of a configuration that the command line decides.
    private let complete: @Sendable (Configuration) -> Configuration
    private let serving: @Sendable (Configuration) -> ControlServer.Settings
    private let present: Mutex<Configuration>
    private let progress = Mutex(Progress.idle)

    private enum Progress {
        case idle
        case running(isAskedAgain: Bool)
        /// fluxqd is stopping.
        case over
    }

    /// - Parameters:
    ///   - present: the configuration read at the start.
    ///   - read: reads file and environment; blocks.
    ///   - complete: replaces, for example, the API's address by the stand-in's.
    ///   - serving: returns the control server's settings of a configuration.
    init(
        _ parts: Parts, present: Configuration, notifier: ServiceNotifier, logger: Logger,
        read: @escaping @Sendable () throws -> Configuration,
        complete: @escaping @Sendable (Configuration) -> Configuration,
        serving: @escaping @Sendable (Configuration) -> ControlServer.Settings
    ) {
        self.parts = parts
        self.present = Mutex(present)
        self.notifier = notifier
        self.logger = logger
        self.read = read
        self.complete = complete
        self.serving = serving
    }

    /// Begins a reload. If one is running, another follows it. Does not wait for it: user lookups of the configuration
    /// may take any time.
    func begin() {
        let isFirst = progress.withLock { progress in
            switch progress {
            case .idle:
                progress = .running(isAskedAgain: false)
                return true
            case .running:
                progress = .running(isAskedAgain: true)
                return false
            case .over: return false
            }
        }
        guard isFirst else { return }
        Task { repeat { await run() } while isAskedAgain() }
    }

    /// Called at a stop: no reload begins any more, and a running one changes nothing and reports nothing.
    func end() {
        progress.withLock { $0 = .over }
    }

    private func isAskedAgain() -> Bool {
        progress.withLock { progress in
            switch progress {
            case .running(isAskedAgain: true):
                progress = .running(isAskedAgain: false)
                return true
            case .running, .idle:
                progress = .idle
                return false
            case .over: return false
            }
        }
    }

    private var isOver: Bool {
        progress.withLock { if case .over = $0 { true } else { false } }
    }

    /// Runs one reload. Notifies the service manager when it begins and when it is over, whatever its result.
    private func run() async {
        tell { () throws(ServiceNotifier.Failure) in
            try notifier.send(.reloading(since: HostClock.monotonic()))
        }
        guard let outcome = await apply(), !isOver else { return }
        tell { () throws(ServiceNotifier.Failure) in try notifier.send(.ready, .status(outcome)) }
    }

    /// - Returns: one line about the result; nil if a stop came first.
    private func apply() async -> String? {
        let next: Configuration
        do {
            // User lookups may hang, so they run on a thread of their own.
            next = try await LookupThread.run(read)
        } catch {
            // One log record for each error.
            for line in "\(error)".split(separator: "\n") {
                logger.error("The configuration was not reloaded: nothing has changed.", metadata: ["error": "\(line)"])
            }
            return "The last reload failed: the configuration has an error; see the log."
        }
        if isOver { return nil }
        let before = present.withLock { $0 }
        // Values that only a start can change stay, so that the next reload still finds the difference.
        let (taken, changed, late) = before.takingOn(next)
        for api in parts.apis { api.reload(complete(taken).callTerms) }
        parts.store.reload(taken.storePolicy)
        parts.workers.reload(taken.workerSettings)
        parts.server.reload(serving(taken))
        parts.door.replace(with: taken.door)
        present.withLock { $0 = taken }
        for key in late {
            logger.warning("A changed key needs a restart: systemctl restart fluxqd", metadata: ["key": "\(key)"])
        }
        let names = changed.joined(separator: ", ")
        logger.notice("The configuration was reloaded.", metadata: ["changed": "\(names.isEmpty ? "nothing" : names)"])
        return late.isEmpty
            ? "The configuration was reloaded."
            : "The configuration was reloaded; \(late.joined(separator: ", ")) needs a restart."
    }

    private func tell(_ send: () throws(ServiceNotifier.Failure) -> Void) {
        do throws(ServiceNotifier.Failure) {
            try send()
        } catch {
            logger.error("The service manager was not told of the reload.", metadata: ["error": "\(error)"])
        }
    }
}
