import FluxqArchive
import FluxqHost
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWorkers
import Foundation
import Logging
import Synchronization
import Testing

@testable import FluxqDaemon

@Suite("The watchdog", .timeLimit(.minutes(30)))
struct HealthReportTests {
    private let directory: TemporaryDirectory
    private let manager: NoticeSocket
    private let clock = HangingClock()
    private let log = RecordedLog()
    private let store: Store
    private let api: ImagesClient
    private let workers: Workers
    private let report: HealthReport

    init() throws {
        directory = try TemporaryDirectory()
        manager = try NoticeSocket(path: directory.path("notify"))
        let logger = Logger(label: "test") { [log] _ in log }
        let clock = clock
        store = try Store(path: directory.path("queue.sqlite"), now: { clock.now() })
        api = ImagesClient(
            .init(
                baseURL: "http://127.0.0.1:1/v1", apiKey: try APIKey("sk-test"), terms: Configuration().callTerms))
        workers = Workers(
            .init(
                store: store, archive: try LocalArchive(directory: directory.path), apis: [Lane.defaultEndpoint: api],
                clock: clock,
                settings: .init(), logger: logger))
        report = HealthReport(
            notifier: try ServiceNotifier(environment: ["NOTIFY_SOCKET": manager.path]),
            interval: WatchdogInterval(environment: ["WATCHDOG_USEC": "100000"]), store: store, workers: workers,
            logger: logger)
    }

    /// A job with a start time far ahead, so that the dispatcher of calls sleeps until then.
    private func submitForLater() async throws {
        var draft = EditRequest.Draft()
        draft.prompt = "later"
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        _ = try await store.submit(
            .init(owner: User(uid: 1000, name: "alice"), request: request, notBefore: clock.farTime))
    }

    @Test("is fed while there is nothing to do, while the work waits for its time, and while the queue is paused")
    func fed() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await workers.run() }
            group.addTask { try await report.run() }
            #expect(await manager.receive() == "READY=1")
            for _ in 0..<3 { #expect(await manager.receive() == "WATCHDOG=1") }
            try await submitForLater()
            for _ in 0..<3 { #expect(await manager.receive() == "WATCHDOG=1") }
            _ = try await store.pause(by: Caller(uid: 0, name: "root", isAdministrator: true))
            for _ in 0..<3 { #expect(await manager.receive() == "WATCHDOG=1") }
            group.cancelAll()
        }
        await api.shutdown()
    }

    @Test("starves while a dispatcher hangs although the database answers, and the log names the part")
    func starved() async throws {
        try await submitForLater()
        clock.hang()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await workers.run() }
            await clock.sleeper()
            group.addTask { try await report.run() }
            #expect(await manager.receive() == "READY=1")
            await log.line(containing: "the dispatchers of the work")
            try report.notifier.send(.status("so far"))
            #expect(await manager.receive() == "STATUS=so far")
            clock.goOn()
            #expect(await manager.receive() == "WATCHDOG=1")
            group.cancelAll()
        }
        await api.shutdown()
    }
}

/// The system's clock, except that a task that sleeps until `farTime` while it hangs never wakes.
private final class HangingClock: WorkClock {
    private struct State {
        var hangs = false
        var sleepers: [CheckedContinuation<Void, Never>] = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    let farTime = SystemClock().now() + .seconds(86400)
    private let state = Mutex(State())

    func now() -> Timestamp { SystemClock().now() }

    func hang() { state.withLock { $0.hangs = true } }

    func goOn() {
        let woken = state.withLock { state in
            state.hangs = false
            defer { state.sleepers = [] }
            return state.sleepers
        }
        for sleeper in woken { sleeper.resume() }
    }

    /// Returns when a task sleeps without waking.
    func sleeper() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.isEmpty { state.watchers.append(continuation) }
                return !state.sleepers.isEmpty
            }
            if isThere { continuation.resume() }
        }
    }

    func sleep(until time: Timestamp) async throws {
        guard time == farTime, state.withLock({ $0.hangs }) else {
            return try await SystemClock().sleep(until: time)
        }
        await withCheckedContinuation { continuation in
            let watchers = state.withLock { state in
                state.sleepers.append(continuation)
                defer { state.watchers = [] }
                return state.watchers
            }
            for watcher in watchers { watcher.resume() }
        }
    }
}
