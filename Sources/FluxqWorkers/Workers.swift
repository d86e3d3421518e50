package import FluxqArchive
package import FluxqImagesAPI
import FluxqModel
package import FluxqStore
package import Logging
import ServiceLifecycle

/// Everything that happens to a job between its submit and its end.
///
/// ```
/// store.signal ──> CallDispatcher:    claim → call → record answer    as many at once as the pace allows
///              ──> PictureDispatcher: due links → archive → row       beside the calls
///              ──> Housekeeper:       unused inputs, old events
/// clock        ──> Scrubber:          every archived file against its hash, once in a while
/// ```
package struct Workers: Service {
    package struct Settings: Sendable {
        /// `workers.drain_seconds`.
        package var drain = Duration.seconds(100)
        /// `downloads.max_bytes`.
        package var maxPictureBytes: Int64 = 64 << 20
        /// Links fetched at once.
        package var downloads = 8
        /// Until something is tried again that the host hindered, such as a write to a full disk.
        package var storeRetryPause = Duration.seconds(5)
        /// How long the wall clock is watched before anything is forgotten by it.
        package var clockProbation = ClockTrust.standardProbation
        /// The part of the archive that is looked after first: drawn, so that all get their turn under a daemon that is
        /// started every day.
        package var firstScrubbedBucket = UInt8.random(in: ContentBuckets.all)

        package init() {}
    }

    /// What the workers work with.
    package struct Parts: Sendable {
        package var store: Store
        package var archive: any ContentStore
        /// By the endpoint's name; never empty.
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

    /// Returns once both dispatchers have come round since it was asked, which is at once, whether they have work or not:
    /// only one that hangs does not answer. Throws when the task is canceled.
    package func answer() async throws {
        try await heartbeats.calls.answer()
        try await heartbeats.pictures.answer()
    }

    /// Applies new settings to what begins from now on; nothing in flight is broken off.
    package func reload(_ settings: Settings) {
        parts.settings.replace(with: settings)
        parts.store.signal.notify([.calls, .downloads])
    }

    /// Works until a graceful shutdown. Then no job is claimed any more, and the calls in flight get `drain` to be answered
    /// and recorded; what is left is recorded as unknown. Canceling the task does that at once.
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
                    // Canceled when the calls end first.
                    try? await parts.clock.sleep(for: parts.settings.current.drain)
                    return true
                }
                // The end of the calls, or of their time.
                while let isOver = await group.next(), !isOver {}
                group.cancelAll()
            }
        } onGracefulShutdown: {
            beginning.finish()
            parts.store.signal.notify([.calls, .downloads, .inputs])
        }
    }
}
