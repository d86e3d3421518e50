package import FluxqArchive
import FluxqHost
package import FluxqImagesAPI
import FluxqModel
package import FluxqStore
package import Logging
import ServiceLifecycle

/// The workers, which process a job between its submit and its end.
///
/// ```
/// store.signal ──> CallDispatcher:    claim → call → record answer    up to the concurrency limits
///              ──> PictureDispatcher: due links → archive → row       beside the calls
///              ──> Housekeeper:       unused inputs, old jobs and events
/// clock        ──> Scrubber:          every archived file against its hash, about once a week
/// ```
package struct Workers: Service {
    package struct Settings: Sendable {
        /// `workers.drain_seconds`.
        package var drain = Duration.seconds(100)
        /// `downloads.max_bytes`.
        package var maxPictureBytes: Int64 = 64 << 20
        /// The number of concurrent downloads.
        package var downloads = 8
        /// The pause before work is retried that a problem of this host prevented, such as a full disk.
        package var storeRetryPause = Duration.seconds(5)
        /// How long the wall clock is watched before data is deleted by its time.
        package var clockProbation = ClockTrust.standardProbation
        /// The bucket of the archive that is checked first. It is random, so that all buckets are checked even if the
        /// daemon is restarted every day.
        package var firstScrubbedBucket = UInt8.random(in: ContentBuckets.all)

        package init() {}
    }

    /// The components that the workers use.
    package struct Parts: Sendable {
        package var store: Store
        package var archive: any ContentStore
        /// Keyed by the endpoint's name; never empty.
        package var apis: [String: any ImagesAPI]
        package var clock: any WorkClock
        let settings: Reloadable<Settings>
        package var logger: Logger

        package init(
            store: Store, archive: any ContentStore, apis: [String: any ImagesAPI], clock: any WorkClock,
            settings: Settings,
            logger: Logger
        ) {
            self.store = store
            self.archive = archive
            self.apis = apis
            self.clock = clock
            self.settings = Reloadable(settings)
            self.logger = logger
        }
    }

    private let parts: Parts
    private let heartbeats: (calls: Heartbeat, pictures: Heartbeat)

    package init(_ parts: Parts) {
        self.parts = parts
        heartbeats = (
            Heartbeat(waking: .calls, of: parts.store.signal), Heartbeat(waking: .downloads, of: parts.store.signal)
        )
    }

    /// Returns after the next iteration of both dispatchers, which begins immediately, with or without work. Only a
    /// dispatcher that hangs does not answer. Throws if the task is canceled.
    package func answer() async throws {
        try await heartbeats.calls.answer()
        try await heartbeats.pictures.answer()
    }

    /// Applies new settings to later work; nothing in flight is canceled.
    package func reload(_ settings: Settings) {
        parts.settings.replace(with: settings)
        parts.store.signal.notify([.calls, .downloads])
    }

    /// Works until a graceful shutdown. Then no more jobs are claimed, and the calls in flight get `drain` to be
    /// answered and recorded. The rest is recorded as unknown. Canceling the task does this without the wait.
    package func run() async {
        let room = DiskRoom(parts)
        let calls = CallDispatcher(parts, room: room, heartbeat: heartbeats.calls)
        let pictures = PictureDispatcher(parts, room: room, heartbeat: heartbeats.pictures)
        let housekeeper = Housekeeper(parts: parts)
        let scrubber = Scrubber(parts)
        let (shutdown, beginning) = AsyncStream<Never>.makeStream()
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    await pictures.run()
                    return false
                }
                group.addTask {
                    await housekeeper.run()
                    return false
                }
                group.addTask {
                    await scrubber.run()
                    return false
                }
                group.addTask {
                    await calls.run()
                    return true
                }
                group.addTask {
                    for await _ in shutdown {}
                    // The sleep is canceled if the calls end first.
                    try? await parts.clock.sleep(for: parts.settings.current.drain)
                    return true
                }
                // Waits for the end of the calls, or of `drain`.
                while let isOver = await group.next(), !isOver {}
                group.cancelAll()
            }
        } onGracefulShutdown: {
            beginning.finish()
            parts.store.signal.notify([.calls, .downloads, .inputs])
        }
    }
}
