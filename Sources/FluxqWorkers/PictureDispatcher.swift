import FluxqArchive
import FluxqFormats
import FluxqHost
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqWords
import Logging
import ServiceLifecycle
import Synchronization

/// Downloads the links of answers into the archive, soonest to expire first. A restart continues where it stopped.
final class PictureDispatcher: Sendable {
    private let store: Store
    private let archive: any ContentStore
    private let apis: [String: any ImagesAPI]
    private let clock: any WorkClock
    private let reloadable: Reloadable<Workers.Settings>
    private let logger: Logger
    private let room: DiskRoom
    private let heartbeat: Heartbeat
    private let inFlight = Mutex<Set<PictureID>>([])
    /// Partial downloads of interrupted tries, for the next ones.
    private let begun = Mutex<[PictureID: IncomingPicture]>([:])
    /// The largest number of partial downloads that are kept.
    private static let mostBegun = 8
    /// The largest number of nested packings.
    private static let mostLayers = 3

    init(_ parts: Workers.Parts, room: DiskRoom, heartbeat: Heartbeat) {
        store = parts.store
        archive = parts.archive
        apis = parts.apis
        clock = parts.clock
        reloadable = parts.settings
        logger = parts.logger
        self.room = room
        self.heartbeat = heartbeat
    }

    private var settings: Workers.Settings { reloadable.current }

    /// Runs until the task is canceled or the daemon shuts down. Downloads in flight are canceled: repeating them costs
    /// nothing.
    func run() async {
        let wakeup = Wakeup(signal: store.signal, clock: clock)
        await withDiscardingTaskGroup { downloads in
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                heartbeat.beat()
                let look = wakeup.look()
                let busy = inFlight.withLock { $0 }
                let (due, next) = await due(excluding: busy)
                for picture in due {
                    inFlight.withLock { _ = $0.insert(picture.id) }
                    downloads.addTask {
                        await self.fetch(picture)
                        self.inFlight.withLock { _ = $0.remove(picture.id) }
                        self.store.signal.notify([.downloads])
                    }
                }
                // If no place is free, only the end of a download matters.
                let isFull = busy.count + due.count >= settings.downloads
                await wakeup.wait(for: .downloads, after: look, until: isFull ? nil : next)
            }
            heartbeat.end()
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
            guard let end = try await fetchOnce(picture) else { return }
            var metadata: Logger.Metadata = [
                "job.id": "\(picture.job)", "index": "\(picture.index)", "result": "\(end.advance)",
            ]
            if let message = end.message { metadata["message"] = "\(message)" }
            logger.log(
                level: end.message == nil ? .info : .warning,
                end.message == nil ? "picture fetched" : "picture not fetched", metadata: metadata)
        } catch {
            // The row is unchanged and still due. The pause prevents a busy loop if the disk is full.
            logger.failure("cannot keep a picture", error, ["job.id": "\(picture.job)"])
            room.look(at: error)
            // The sleep is canceled at shutdown, when the pause does not matter.
            try? await clock.sleep(for: settings.storeRetryPause)
        }
    }

    /// The result of one try: its effect on the job, and the reason why there is no picture or the picture's flaw.
    private struct TryEnd {
        var advance: Advance
        var message: String?
    }

    /// - Returns: nil if the daemon stops before all bytes have arrived.
    private func fetchOnce(_ picture: PendingPicture) async throws -> TryEnd? {
        // Links of an endpoint that is no longer configured may be reachable through any other one.
        guard let api = apis[picture.endpoint] ?? apis.values.first else { return nil }
        let left = begun.withLock { $0.removeValue(forKey: picture.id) }
        let sink: IncomingPicture
        if let left {
            sink = left
        } else {
            sink = try await IncomingPicture(spool: archive.spool, limit: settings.maxPictureBytes, room: room)
        }
        let outcome = await api.download(picture.download.link, into: sink)
        guard outcome == .complete else {
            if Task.isCancelled { return nil }
            let end = try await postpone(picture, after: outcome)
            if end?.advance == .advanced(.running) { keep(sink, of: picture.id, after: outcome) }
            return end
        }
        CrashPoint.pictureReceived.pass()
        // Storing it costs nothing more, and the link may have expired by the next start. So a shutdown does not drop
        // it.
        let patience: HostPatience = { [self] error in try await wait(after: error, with: picture) }
        switch try await untilStored(patience, { () async throws(ArchiveError) in try await file(sink) }) {
        case .picture(let saved):
            CrashPoint.pictureArchived.pass()
            let advance = try await untilRecorded(picture) { try await self.store.savePicture(picture, as: saved) }
            CrashPoint.pictureRecorded.pass()
            return TryEnd(advance: advance, message: saved.flaw.map { "It \($0)." })
        case .other(let file, let message):
            guard file.bytes > 0 else {
                return TryEnd(
                    advance: try await store.postponePicture(picture, message: message), message: message.words)
            }
            // It is complete and paid for: it is kept, whatever happens to the link.
            let object = try await untilStored(patience) { () async throws(ArchiveError) in
                try await archive.store(file)
            }
            let kept = KeptBytes(hash: object.hash, bytes: object.bytes)
            let advance = try await untilRecorded(picture) {
                try await self.store.postponePicture(picture, message: message, after: .came(kept))
            }
            return TryEnd(advance: advance, message: message.words)
        }
    }

    /// The result of examining a complete body.
    private enum Arrival {
        case picture(StoredPicture)
        /// The body is not a picture. It is unpacked as far as possible, and the message describes it.
        case other(IncomingFile, message: PictureTrouble)
    }

    /// Archives the downloaded picture, after it has removed any packing.
    private func file(_ sink: IncomingPicture) async throws(ArchiveError) -> Arrival {
        let limit = settings.maxPictureBytes
        var file = sink.file
        var codings = sink.codings
        var packing: PictureCode.Packing?
        var layers = 0
        while true {
            let defect: PictureDefect
            switch try await archive.storePicture(file) {
            case .success(let picture): return .picture(picture)
            case .failure(let found): defect = found
            }
            if case .notAPicture = defect, layers < Self.mostLayers, file.bytes > 0 {
                switch try await archive.spool.unpack(file, codings: codings, limit: limit) {
                case .nothing:
                    if let coding = codings.first { packing = .coding(name: coding) }
                case .file(let inner):
                    layers += 1
                    (file, codings) = (inner, [])
                    continue
                case .broken: packing = .damaged
                case .tooLarge: packing = .tooLarge(limit: limit)
                }
            }
            return .other(file, message: .code(.downloaded(fault: PictureFault(defect), packing: packing)))
        }
    }

    /// Keeps the received bytes for the next try if its host can resume the download.
    private func keep(_ sink: IncomingPicture, of id: PictureID, after outcome: DownloadOutcome) {
        switch outcome {
        case .failed, .unreachable: break
        case .complete, .gone, .refused, .impossible, .notStored: return
        }
        guard sink.resumePoint != nil else { return }
        begun.withLock { begun in
            // Any of them can be downloaded again from its first byte.
            if begun.count >= Self.mostBegun, let other = begun.keys.first { begun[other] = nil }
            begun[id] = sink
        }
    }

    private func postpone(_ picture: PendingPicture, after outcome: DownloadOutcome) async throws -> TryEnd? {
        let advance: Advance
        switch outcome {
        case .complete: return nil
        case .failed(let message), .refused(let message):
            advance = try await store.postponePicture(picture, message: .said(message))
        case .unreachable(let message):
            advance = try await store.postponePicture(picture, message: .said(message), after: .noAnswer)
        case .gone(let message):
            advance = try await store.postponePicture(picture, message: .said(message), after: .gone)
        case .notStored(let message):
            throw NotStored(message: message)
        case .impossible(let message):
            advance = try await store.losePicture(picture, message: .said(message))
        }
        return TryEnd(advance: advance, message: outcome.message)
    }

    /// Waits between two tries to store a received picture: its link may expire before it could be downloaded again.
    private func wait(after error: any Error, with picture: PendingPicture) async throws {
        logger.failure("cannot keep a picture", error, ["job.id": "\(picture.job)"])
        room.look(at: error)
        try await clock.sleep(for: settings.storeRetryPause)
    }

    /// Retries until the database accepts it, unless the error is fatal.
    private func untilRecorded(
        _ picture: PendingPicture, _ record: () async throws -> Advance
    ) async throws -> Advance {
        while true {
            do {
                return try await record()
            } catch let error as StoreError where !error.isFatal {
                try await wait(after: error, with: picture)
            }
        }
    }

    private struct NotStored: Error, CustomStringConvertible {
        let message: String
        var description: String { message }
    }
}

extension DownloadOutcome {
    /// The reason why there is no picture; nil if there is one.
    fileprivate var message: String? {
        switch self {
        case .complete: nil
        case .failed(let message), .unreachable(let message), .gone(let message), .refused(let message),
            .impossible(let message), .notStored(let message):
            message
        }
    }
}
