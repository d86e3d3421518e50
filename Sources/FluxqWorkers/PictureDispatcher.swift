import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import Logging
import ServiceLifecycle
import Synchronization

/// Fetches the links of answers into the archive, soonest to expire first. A restart goes on where it was.
final class PictureDispatcher: Sendable {
    private let store: Store
    private let archive: Archive
    private let apis: [String: any ImagesAPI]
    private let clock: any WorkClock
    private let reloadable: Reloadable<Workers.Settings>
    private let logger: Logger
    private let room: DiskRoom
    private let pulse: Pulse
    private let inFlight = Mutex<Set<PictureID>>([])

    init(_ parts: Workers.Parts, room: DiskRoom, pulse: Pulse) {
        store = parts.store
        archive = parts.archive
        apis = parts.apis
        clock = parts.clock
        reloadable = parts.settings
        logger = parts.logger
        self.room = room
        self.pulse = pulse
    }

    private var settings: Workers.Settings { reloadable.current }

    /// Runs until the task is canceled or the daemon shuts down. A download in flight is given up: it costs nothing to repeat.
    func run() async {
        let wakeup = Wakeup(signal: store.signal, clock: clock)
        await withDiscardingTaskGroup { downloads in
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                pulse.beat()
                let look = wakeup.look()
                let busy = inFlight.withLock { $0 }
                let (due, next) = await due(excluding: busy)
                for picture in due {
                    inFlight.withLock { _ = $0.insert(picture.id) }
                    downloads.addTask {
                        await self.fetch(picture)
                        self.inFlight.withLock { _ = $0.remove(picture.id) }
                        self.store.signal.ring([.work])
                    }
                }
                // With no place free only the end of a download matters.
                let isFull = busy.count + due.count >= settings.downloads
                await wakeup.wait(for: .work, after: look, until: isFull ? nil : next)
            }
            pulse.end()
            downloads.cancelAll()
        }
    }

    private func due(excluding busy: Set<PictureID>) async -> (due: [PendingPicture], next: Timestamp?) {
        let free = settings.downloads - busy.count
        guard free > 0 else { return ([], nil) }
        do {
            return try await store.duePictures(limit: free, excluding: busy)
        } catch {
            logger.failure("cannot look for pictures to fetch", error)
            return ([], clock.now() + settings.storeRetryPause)
        }
    }

    private func fetch(_ picture: PendingPicture) async {
        do {
            let advance = try await fetchOnce(picture)
            logger.info(
                "picture fetched or postponed",
                metadata: [
                    "job.id": "\(picture.job)", "index": "\(picture.index)",
                    "result": "\(advance.map { "\($0)" } ?? "given up")",
                ])
        } catch {
            // The row is as it was and due: a pause keeps a full disk from turning this into a busy loop.
            logger.failure("cannot keep a picture", error, ["job.id": "\(picture.job)"])
            room.look(at: error)
            // Canceled at shutdown, where the pause does not matter.
            try? await clock.sleep(for: settings.storeRetryPause)
        }
    }

    /// - Returns: nil where the daemon stops meanwhile.
    private func fetchOnce(_ picture: PendingPicture) async throws -> Advance? {
        // An endpoint that is configured no longer has left links behind: any other way may reach them.
        guard let api = apis[picture.endpoint] ?? apis.values.first else { return nil }
        let file = try await archive.receive(limit: settings.maxPictureBytes)
        let sink = IncomingPicture(file: file, room: room)
        let outcome = await api.download(picture.download.link, into: sink)
        if outcome != .complete { await archive.discard(file) }
        // What has come whole is kept: the link may be dead before the next start.
        if Task.isCancelled, outcome != .complete { return nil }
        switch outcome {
        case .complete:
            CrashPoint.pictureReceived.pass()
            switch try await archive.storePicture(file) {
            case .success(let saved):
                CrashPoint.pictureArchived.pass()
                let advance = try await record(saved, for: picture)
                CrashPoint.pictureRecorded.pass()
                return advance
            case .failure(let defect):
                return try await store.postponePicture(picture, message: "What the link gave \(defect).")
            }
        case .failed(let message), .refused(let message):
            return try await store.postponePicture(picture, message: message)
        case .gone(let message):
            return try await store.postponePicture(picture, message: message, isGone: true)
        case .notStored(let message):
            throw NotStored(message: message)
        case .impossible(let message):
            return try await store.losePicture(picture, message: message)
        }
    }

    /// Tries until there is room: the picture is here, and the link may be dead before it could be fetched once more.
    private func record(_ saved: StoredPicture, for picture: PendingPicture) async throws -> Advance {
        while true {
            do {
                return try await store.savePicture(picture, as: saved)
            } catch {
                guard error == .full else { throw error }
                room.sawFullDisk()
            }
            try await clock.sleep(for: settings.storeRetryPause)
        }
    }

    private struct NotStored: Error, CustomStringConvertible {
        let message: String
        var description: String { message }
    }
}
