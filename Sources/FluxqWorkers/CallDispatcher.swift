import FluxqArchive
import FluxqImagesAPI
import FluxqMaintenance
import FluxqModel
import FluxqStore
import Logging
import ServiceLifecycle
import Synchronization

/// Claims jobs and calls the API for them, as many at once as the pace allows. Archiving does not hold a call's place.
final class CallDispatcher: Sendable {
    private let store: Store
    private let archive: Archive
    private let quarantine: Quarantine
    private let apis: [String: any ImagesAPI]
    private let clock: any WorkClock
    private let reloadable: Reloadable<Workers.Settings>
    private let logger: Logger
    private let room: DiskRoom
    private let pulse: Pulse
    private let pace: Mutex<Pace>

    init(_ parts: Workers.Parts, room: DiskRoom, pulse: Pulse) {
        store = parts.store
        archive = parts.archive
        quarantine = Quarantine(store: parts.store, archive: parts.archive, logger: parts.logger)
        apis = parts.apis
        clock = parts.clock
        reloadable = parts.settings
        logger = parts.logger
        self.room = room
        self.pulse = pulse
        pace = Mutex(Pace(ceiling: parts.settings.current.concurrency))
    }

    private var settings: Workers.Settings { reloadable.current }

    /// Runs until the task is canceled or the daemon shuts down; then the calls in flight are waited for.
    /// Canceling the task ends those too, and what became of them is still recorded.
    func run() async {
        let wakeup = Wakeup(signal: store.signal, clock: clock)
        await recallPace()
        await withDiscardingTaskGroup { calls in
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                pulse.beat()
                let look = wakeup.look()
                let concurrency = settings.concurrency
                let hasPlace = pace.withLock { pace in
                    pace.adopt(ceiling: concurrency)
                    return pace.hasPlace
                }
                guard hasPlace else {
                    // With all places taken nobody else would find out that there is room again, and status would deny it.
                    let isShort = await room.isStillShort()
                    await wakeup.wait(
                        for: .work, after: look, until: isShort ? clock.now() + settings.storeRetryPause : nil)
                    continue
                }
                guard await room.admitsCall() else {
                    await wakeup.wait(for: .work, after: look, until: clock.now() + settings.storeRetryPause)
                    continue
                }
                switch await claim() {
                case .claimed(let claim):
                    CrashPoint.intentCommitted.pass()
                    room.reserve(pictures: claim.request.imagesWanted)
                    let place = pace.withLock { $0.begin() }
                    calls.addTask { await self.call(claim, in: place) }
                case .nothing(let until):
                    await wakeup.wait(for: .work, after: look, until: until)
                }
            }
            // From here on the calls in flight are waited for, which may take as long as it takes.
            pulse.end()
        }
    }

    /// A store that cannot write now (a full disk) is asked again after a pause: no call begins without its intent on the disk.
    private func claim() async -> Store.ClaimResult {
        do {
            return try await store.claim()
        } catch {
            logger.error("cannot claim a job", metadata: ["error": "\(error)"])
            room.look(at: error)
            return .nothing(until: clock.now() + settings.storeRetryPause)
        }
    }

    /// What an earlier daemon has learnt about how many calls the API bears holds for this one too.
    private func recallPace() async {
        do {
            guard let learnt = try await store.pace() else { return }
            pace.withLock { $0 = Pace(ceiling: settings.concurrency, learnt: learnt) }
        } catch {
            logger.error("cannot recall the pace of calls", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: the pace's limit where the outcome has changed it.
    private func leave(_ place: Pace.Place, _ outcome: CallOutcome) -> Int? {
        pace.withLock { pace in
            let before = pace.limit
            pace.end(place, outcome)
            return pace.limit == before ? nil : pace.limit
        }
    }

    private func learn(_ limit: Int) async {
        logger.info("calls at once", metadata: ["limit": "\(limit)"])
        do {
            try await store.learn(pace: limit)
        } catch {
            // This daemon knows it; only the next start would not.
            logger.error("cannot remember the pace of calls", metadata: ["error": "\(error)"])
        }
    }

    private func call(_ claim: Claim, in place: Pace.Place) async {
        defer { room.release(pictures: claim.request.imagesWanted) }
        let inbox = Inbox(
            archive: archive, maxBytes: settings.maxPictureBytes,
            patience: { [clock, settings, room] in
                room.sawFullDisk()
                try await clock.sleep(for: settings.storeRetryPause)
            })
        let report = await report(of: claim, inbox: inbox)
        // The place is free as soon as the answer is here, whatever its archiving takes.
        let limit = leave(place, report.outcome)
        store.signal.ring([.work])
        var pictures: [NewPicture] = []
        if case .answered(let answer) = report.outcome {
            for item in answer.items { pictures.append(await keep(item, of: answer, from: inbox, claim)) }
        }
        await record(report, of: claim, pictures: pictures)
        if let limit { await learn(limit) }
    }

    private func report(of claim: Claim, inbox: Inbox) async -> CallReport {
        var report = await call(claim, into: inbox)
        switch report.outcome {
        // The API never saw it, or it was given up by a shutdown before it left.
        case .rejected(let error): report.isLocal = error.status == nil
        case .notSent: report.isLocal = report.isLocal || Task.isCancelled
        default: break
        }
        return report
    }

    private func call(_ claim: Claim, into inbox: Inbox) async -> CallReport {
        guard let api = apis[claim.lane.endpoint] else {
            var report = CallReport(
                outcome: .notSent(message: "fluxqd has no endpoint named \(claim.lane.endpoint) any more."))
            report.isLocal = true
            return report
        }
        guard case .content(let hash) = claim.request.image else {
            return await api.generate(claim.request, picture: nil, receiver: inbox)
        }
        do {
            // Nothing is paid for an edit of something else than the picture that was brought.
            guard let file = try await quarantine.open(hash) else {
                return CallReport(
                    outcome: .rejected(
                        APIError(
                            message: """
                                the picture that the job edits was found damaged in the archive and was set aside. Submit the \
                                job again with the picture.
                                """)))
            }
            let picture = ArchivedPicture(file: file, mediaType: claim.inputMediaType ?? "application/octet-stream")
            return await api.generate(claim.request, picture: picture, receiver: inbox)
        } catch {
            // The host's trouble, and perhaps a passing one: no reason to give the job up.
            var report = CallReport(outcome: .notSent(message: "fluxqd could not read the job's picture: \(error)"))
            report.isLocal = true
            return report
        }
    }

    /// Takes one item of the answer as far as it can be taken without another request.
    private func keep(_ item: AnswerItem, of answer: Answer, from inbox: Inbox, _ claim: Claim) async -> NewPicture {
        var unusable: NewPicture?
        if let ordinal = item.inline, let arrival = inbox.take(ordinal) {
            unusable =
                await keep(arrival.file, isValid: arrival.isValid, claim)
                ?? .unusable(nil, message: "What came inline could not be stored before fluxqd was stopped.")
            if case .saved(let picture) = unusable { return .saved(picture) }
        }
        if let link = item.link {
            return .link(link, deadline: LinkDeadline.of(link: link, created: answer.created, now: clock.now()))
        }
        return unusable ?? .unusable(nil, message: item.error ?? "The API sent neither a link nor a picture.")
    }

    /// A whole picture goes into the archive as one; anything else that was paid for, as bytes for a person to look at.
    private func keep(_ file: IncomingFile, isValid: Bool, _ claim: Claim) async -> NewPicture? {
        await untilDone("store a picture", job: claim.job) {
            var message = "What came inline is not base64."
            if isValid {
                switch try await archive.storePicture(file) {
                case .success(let picture):
                    CrashPoint.inlinePictureArchived.pass()
                    return .saved(picture)
                case .failure(let defect): message = "What came inline \(defect)."
                }
            }
            return .unusable(try await archive.store(file).hash, message: message)
        }
    }

    /// The answer is the one thing that cannot be had again: its record is tried until it is on the disk.
    private func record(_ report: CallReport, of claim: Claim, pictures: [NewPicture]) async {
        let advance = await untilDone("record an answer", job: claim.job) {
            try await store.record(report, of: claim, pictures: pictures)
        }
        CrashPoint.answerRecorded.pass()
        logger.info(
            "call ended",
            metadata: [
                "job.id": "\(claim.job)", "attempt": "\(claim.attempt)", "status": "\(report.status ?? 0)",
                "billing": "\(report.outcome.billing.rawValue)",
                "result": "\(advance.map { "\($0)" } ?? "not recorded")",
            ])
    }

    /// Repeats what only the host's trouble can hinder, such as a full disk, until it is done or the daemon has to stop.
    private func untilDone<Value: Sendable>(
        _ what: String, job: JobID, _ work: () async throws -> Value
    ) async -> Value? {
        while true {
            do {
                return try await work()
            } catch {
                logger.error("cannot \(what)", metadata: ["job.id": "\(job)", "error": "\(error)"])
                room.look(at: error)
                do { try await clock.sleep(for: settings.storeRetryPause) } catch { return nil }
            }
        }
    }
}
