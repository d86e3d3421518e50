import FluxqControlServer
import FluxqImagesAPI
import FluxqStore
import FluxqWorkers
import Glibc
import Logging
import NIOPosix
import Synchronization

/// Reads the configuration again while fluxqd runs, and hands on what can change. A configuration with any mistake changes
/// nothing.
final class Reload: Sendable {
    /// Who takes on what has been configured anew.
    struct Parts: Sendable {
        let store: Store
        let workers: Workers
        let server: ControlServer
        let apis: [ImagesClient]
    }

    private let parts: Parts
    private let notifier: ServiceNotifier
    private let logger: Logger
    private let read: @Sendable () throws -> Configuration
    /// What of a configuration the command line decides.
    private let complete: @Sendable (Configuration) -> Configuration
    private let serving: @Sendable (Configuration) -> ControlServer.Settings
    private let present: Mutex<Configuration>

    /// - Parameters:
    ///   - present: as it was read at the start.
    ///   - read: reads file and environment; blocks.
    ///   - complete: such as the stand-in's address in the place of the API's.
    ///   - serving: what the control interface needs to know of a configuration.
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

    /// One reload, from the word to the service manager that it has begun to the word that it is over, whatever came of it.
    func run() async {
        tell { () throws(ServiceNotifier.Failure) in
            try notifier.send(.reloading(at: Self.monotonicMicroseconds()))
        }
        let outcome = await apply()
        tell { () throws(ServiceNotifier.Failure) in try notifier.send(.ready, .status(outcome)) }
    }

    /// - Returns: one line about what came of it.
    private func apply() async -> String {
        let next: Configuration
        do {
            next = try await NIOThreadPool.singleton.runIfActive { [read] in try read() }
        } catch {
            // One record for each mistake.
            for line in "\(error)".split(separator: "\n") {
                logger.error("The configuration was not reloaded: nothing has changed.", metadata: ["error": "\(line)"])
            }
            return "The last reload failed: the configuration has a mistake, which the log names."
        }
        let before = present.withLock { $0 }
        // What only a start changes stays as it is, so that it is still told apart at the next reload.
        let (taken, changed, late) = before.takingOn(next)
        do {
            // The terms are the same for all: if the first takes them, every other does.
            for api in parts.apis { try api.adopt(complete(taken).callTerms) }
        } catch {
            logger.error("The configuration was not reloaded: nothing has changed.", metadata: ["error": "\(error)"])
            return "The last reload failed: the log says why."
        }
        parts.store.adopt(taken.storePolicy)
        parts.workers.adopt(taken.workerSettings)
        await parts.server.adopt(serving(taken))
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

    /// By CLOCK_MONOTONIC, as the protocol wants it.
    private static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
