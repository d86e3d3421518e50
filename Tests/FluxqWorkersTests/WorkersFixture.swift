import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Logging
import NIOCore
import ServiceLifecycle

@testable import FluxqWorkers

/// Real workers on a real store and a real archive, with a simulated API.
final class WorkersFixture: Sendable {
    static let alice = User(uid: 1000, name: "alice")

    let directory: TemporaryDirectory
    let store: Store
    let archive: LocalArchive
    let api = SimulatedAPI()
    /// By endpoint; `api` belongs to the default one.
    let apis: [String: SimulatedAPI]
    let settings: Workers.Settings
    let clock: any WorkClock

    /// - Parameters:
    /// - directory: the directory of an earlier fixture; nil for a new one.
    /// - endpoints: additional endpoints; the policy's catalog defines their models.
    init(
        in directory: TemporaryDirectory? = nil, endpoints: [String] = [],
        _ change: (inout Workers.Settings) -> Void = { _ in }, clock: any WorkClock = FluxqWorkers.SystemClock(),
        concurrency: Int = 4, policy: (inout StorePolicy) -> Void = { _ in }
    ) throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        var settings = Workers.Settings()
        change(&settings)
        self.settings = settings
        self.clock = clock
        var apis = [Lane.defaultEndpoint: api]
        for name in endpoints { apis[name] = SimulatedAPI() }
        self.apis = apis
        var rules = StorePolicy()
        rules.downloadBackoff = Backoff(base: .milliseconds(1), cap: .milliseconds(1))
        rules.catalog.endpoints[0].concurrency = concurrency
        policy(&rules)
        store = try Store(
            path: directory.path("queue.sqlite"), policy: rules, now: { clock.now() })
        archive = try LocalArchive(directory: directory.path)
    }

    /// The workers, with a signal that a graceful shutdown has reached them: the request alone does not mean that it
    /// has.
    private struct WatchedWorkers: Service {
        let workers: Workers
        let shutdown = AsyncStream<Never>.makeStream()

        func run() async {
            await withGracefulShutdownHandler {
                await workers.run()
            } onGracefulShutdown: {
                shutdown.continuation.finish()
            }
        }
    }

    /// Runs the workers beside the body, then shuts them down gracefully and waits for their end. `shutDown` returns
    /// when the shutdown has reached them.
    func run(_ body: @Sendable @escaping (_ shutDown: @Sendable @escaping () async -> Void) async throws -> Void)
        async throws
    {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let workers = Workers(
            .init(
                store: store, archive: archive, apis: apis, clock: clock, settings: settings,
                logger: logger))
        let watched = WatchedWorkers(workers: workers)
        let services = ServiceGroup(services: [watched], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            try await body {
                await services.triggerGracefulShutdown()
                for await _ in watched.shutdown.stream {}
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    @discardableResult
    func submit(_ prompt: String, n: Int? = nil, model: String? = nil) async throws -> JobID {
        var draft = EditRequest.Draft()
        draft.prompt = prompt
        draft.model = model
        draft.n = n
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        guard case .created(let job) = try await store.submit(.init(owner: Self.alice, request: request)) else {
            throw Unexpected()
        }
        return job.id
    }

    /// Returns the job once it is in a state that the test waits for.
    func job(_ id: JobID, when isReached: (Job) -> Bool) async throws -> Job {
        while true {
            let seen = store.signal.count
            guard let job = try await store.job(id, uid: Self.alice.uid) else { throw Unexpected() }
            if isReached(job) { return job }
            // A failed try signals only the workers.
            await withTaskGroup(of: Void.self) { [signal = store.signal] group in
                for topic in [ChangeSignal.Topic.job(id), .calls, .downloads] {
                    group.addTask { _ = await signal.change(of: topic, after: seen) }
                }
                await group.next()
                group.cancelAll()
            }
        }
    }

    func end(of id: JobID) async throws -> Job {
        try await job(id) { [.done, .failed].contains(JobState($0.lifecycle.state)) }
    }

    static func answered(_ items: [AnswerItem]) -> CallReport {
        CallReport(outcome: .answered(Answer(items: items)), sentAt: Timestamp(rawValue: 1), status: 200)
    }

    struct Unexpected: Error {}
}
