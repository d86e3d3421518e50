import FluxqArchive
import FluxqControl
import FluxqControlServer
import FluxqDoor
import FluxqHost
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqWorkers
import Glibc
package import Logging
import ServiceLifecycle
import SystemPackage
import UnixSignals

/// Assembles the parts, runs them until a signal, and shuts them down.
///
/// ```
/// state directory (lock) ─ archive ─ store ─┬─ workers ── images API (or fluxq-sandbox)
///                                           └─ control server ── socket, loopback ports
/// ```
package struct Daemon: Sendable {
    package struct Options: Sendable {
        package var configurationFile: String?
        package var stateDirectory: String?
        package var socket: String?
        package var isSandboxed: Bool

        package init(configurationFile: String?, stateDirectory: String?, socket: String?, isSandboxed: Bool) {
            self.configurationFile = configurationFile
            self.stateDirectory = stateDirectory
            self.socket = socket
            self.isSandboxed = isSandboxed
        }
    }

    private let options: Options
    private let environment: [String: String]
    private let logger: Logger

    package init(options: Options, environment: [String: String], logger: Logger) {
        self.options = options
        self.environment = environment
        self.logger = logger
    }

    /// Returns after a SIGTERM or SIGINT, once everything has ended in order.
    ///
    /// - Throws: the reason why it cannot start, with a message for the administrator.
    package func run() async throws {
        umask(0o077)
        // A client that disconnects causes an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)

        let read = { @Sendable [options, environment] in
            try Configuration.load(file: options.configurationFile, environment: environment)
        }
        let written = try read()
        var configuration = written
        let keys = options.isSandboxed ? [:] : try configuration.apiKeys(environment: environment)
        let notifier = try ServiceNotifier(environment: environment)
        let directory = try StateDirectory.open(
            path: options.stateDirectory ?? StateDirectory.defaultPath(environment: environment))
        defer { directory.release() }
        CrashPoint.directoryLocked.pass()

        let archive = try LocalArchive(directory: directory.path, onFatal: exitAtOnce)
        CrashPoint.incomingEmptied.pass()
        let clock = SystemClock()
        let store = try Store(
            path: "\(directory.path)/queue.sqlite", policy: configuration.storePolicy, now: { clock.now() },
            onFatal: exitAtOnce)
        let kind = options.isSandboxed ? Store.APIKind.sandbox : .real
        guard
            try await store.belongs(
                to: kind, ifUnknown: access(Self.sandboxDirectory(of: directory.path), F_OK) == 0 ? .sandbox : .real)
        else { throw StateDirectoryError.ofAnotherAPI(path: directory.path, isSandboxed: options.isSandboxed) }
        for job in try await store.recover(keeping: Set(archive.spool.leftAnswers.map(\.call))) {
            logger.warning("A call was interrupted; its outcome is unknown.", metadata: ["job.id": "\(job)"])
        }
        CrashPoint.recoveryCommitted.pass()

        let sockets = try DaemonSockets.open(
            path: options.socket, addresses: configuration.listen.http, environment: environment)
        CrashPoint.socketBound.pass()
        let sandbox = try await startSandbox(in: directory.path, configuration)
        let complete = { @Sendable (configuration: Configuration) in configuration.calling(sandbox) }
        configuration = complete(configuration)
        let apis = Self.clients(configuration, keys: keys)
        logger.notice(
            "fluxqd is ready.",
            metadata: [
                "socket": "\(sockets.name)", "http": "\(sockets.portNames ?? "off")",
                "state_directory": "\(directory.path)",
                "api": "\(options.isSandboxed ? "sandbox" : configuration.addresses)",
            ])
        let serving = {
            @Sendable [isSandboxed = options.isSandboxed] (configuration: Configuration) -> ControlServer.Settings in
            var settings = configuration.controlSettings
            // The stand-in accepts any key, so its address needs no warning.
            settings.warnings = (isSandboxed ? [] : configuration.warnings) + sockets.warnings
            return settings
        }
        for warning in serving(written).warnings { logger.warning("\(warning)") }
        let workers = Workers(
            .init(
                store: store, archive: archive, apis: apis, clock: clock,
                settings: configuration.workerSettings,
                logger: logger))
        let waitingRoom = WaitingRoom(store: store, elapsed: { HostClock.monotonic() })
        let door = Reloadable(written.door)
        let server = ControlServer(
            socket: sockets.control, ports: sockets.ports, store: store, archive: archive,
            settings: serving(written), logger: logger
        ) { routes in Door(routes, waitingRoom, settings: door) }
        let health = HealthReport(
            notifier: notifier, interval: WatchdogInterval(environment: environment), store: store, workers: workers,
            logger: logger)

        let reload = Reload(
            .init(store: store, workers: workers, server: server, door: door, apis: Array(apis.values)),
            present: written,
            notifier: notifier,
            logger: logger, read: read, complete: complete, serving: serving)

        // Shut down in reverse order: clients can still ask for the status while fluxqd waits for calls in flight.
        let watch: [any Service] = sandbox.map { [SandboxWatch(sandbox: $0, logger: logger)] } ?? []
        let services: [any Service] =
            watch + [
                health, server, AbandonedJobs(waitingRoom, logger: logger), workers,
                GroupRefresh(store: store, logger: logger),
                StoppingNotice(notifier: notifier, drain: configuration.workers.drain, logger: logger),
            ]
        let end = await runUntilSignal(
            ServiceGroup(
                configuration: .init(
                    // A part that fails must not abort the calls in flight: they are paid for.
                    services: services.map {
                        .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
                    }, logger: logger)), reload)

        CrashPoint.drainEnded.pass()
        for api in apis.values { await api.shutdown() }
        await sandbox?.end()
        try end.get()
        try store.close()
        CrashPoint.databaseClosed.pass()
        try sockets.removeName()
        CrashPoint.socketRemoved.pass()
        logger.notice("fluxqd has stopped.")
    }

    /// The sysexits status for an error that `run` threw.
    package static func exitStatus(of error: any Error) -> Int32 {
        switch error {
        case StateDirectoryError.ofAnotherAPI: EX_CONFIG
        case let error as ConfigurationError: error.isPassing ? EX_TEMPFAIL : EX_CONFIG
        case let error as StoreError where error.isFatal: EX_IOERR
        case let error as ArchiveError where error.isFatal: EX_IOERR
        case StateDirectoryError.failed(_, let error) where error.code == .ioError: EX_IOERR
        default: EX_OSERR
        }
    }

    private static func sandboxDirectory(of directory: String) -> String { "\(directory)/sandbox" }

    /// Starts the stand-in of the images API, if requested.
    private func startSandbox(in directory: String, _ configuration: Configuration) async throws -> SandboxProcess? {
        guard options.isSandboxed else { return nil }
        return try await SandboxProcess.start(
            in: Self.sandboxDirectory(of: directory), configuration.sandbox, environment: environment)
    }

    /// The first SIGTERM or SIGINT drains; a second one abandons the calls in flight. SIGHUP reloads the configuration.
    private func runUntilSignal(_ services: ServiceGroup, _ reload: Reload) async -> Result<Void, any Error> {
        // Installed before fluxqd reports that it is ready, so that a signal from then on is caught.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        return await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            group.addTask { [logger] in
                var isDraining = false
                for await signal in signals {
                    if signal == .sighup {
                        reload.begin()
                    } else if isDraining {
                        logger.warning("Second signal: calls in flight are abandoned; their outcome is unknown.")
                        return
                    } else {
                        logger.notice("Stopping: no new calls; waiting for calls in flight.")
                        isDraining = true
                        reload.end()
                        await services.triggerGracefulShutdown()
                        CrashPoint.drainBegun.pass()
                    }
                }
            }
            // The end of the services, or the second signal; canceling the other task is not a failure.
            let end = await group.nextResult() ?? .success(())
            group.cancelAll()
            while await group.nextResult() != nil {}
            return end
        }
    }

    /// After a failed fsync the page cache can no longer be trusted; a restart reads the disk.
    private func exitAtOnce(_ error: any Error) {
        logger.critical("The disk has failed; exiting to recover.", metadata: ["error": "\(error)"])
        _exit(EX_IOERR)
    }
}

extension Daemon {
    /// One client for each endpoint. It knows its own key and redacts all keys: a proxy that serves two APIs may show
    /// one of them the other's key.
    ///
    /// - Parameter keys: by endpoint; the stand-in accepts any.
    fileprivate static func clients(
        _ configuration: Configuration, keys: [String: APIKey]
    ) -> [String: ImagesClient] {
        var clients: [String: ImagesClient] = [:]
        for endpoint in configuration.everyEndpoint {
            clients[endpoint.name] = ImagesClient(
                .init(
                    baseURL: endpoint.baseURL, apiKey: keys[endpoint.name] ?? .ofSandbox,
                    otherKeys: keys.filter { $0.key != endpoint.name }.map(\.value), proxy: endpoint.proxy,
                    terms: configuration.callTerms))
        }
        return clients
    }
}

extension Configuration {
    /// All API addresses, for the log.
    fileprivate var addresses: String {
        endpoints.isEmpty
            ? "\(api.baseURL)" : endpoints.map { "\($0.name): \($0.baseURL)" }.joined(separator: ", ")
    }

    /// The configuration with the stand-in, if there is one, in place of every real API.
    fileprivate func calling(_ sandbox: SandboxProcess?) -> Configuration {
        guard let sandbox else { return self }
        var configuration = self
        configuration.api.baseURL = sandbox.baseURL
        for index in endpoints.indices {
            configuration.endpoints[index].baseURL = sandbox.baseURL
            configuration.endpoints[index].proxy = nil
        }
        configuration.downloads.trustedHosts.append(sandbox.address)
        return configuration
    }
}
