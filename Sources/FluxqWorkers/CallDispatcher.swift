import FluxqArchive
import FluxqImagesAPI
import FluxqMaintenance
import FluxqModel
import FluxqStore
import Logging
import ServiceLifecycle
import Synchronization

/// Claims jobs and calls the API for them, as many at once as endpoints and lanes bear. Archiving does not hold a call's place.
final class CallDispatcher: Sendable {
    private let store: Store
    private let archive: any ContentStore
    private let quarantine: Quarantine
    private let apis: [String: any ImagesAPI]
    private let clock: any WorkClock
    private let reloadable: Reloadable<Workers.Settings>
    private let logger: Logger
    private let room: DiskRoom
    private let heartbeat: Heartbeat
    /// Calls whose answer has not come.
    private let inFlight = Mutex<[Lane: Int]>([:])

    init(_ parts: Workers.Parts, room: DiskRoom, heartbeat: Heartbeat) {
        store = parts.store
        archive = parts.archive
        quarantine = Quarantine(store: parts.store, archive: parts.archive, logger: parts.logger)
        apis = parts.apis
        clock = parts.clock
        reloadable = parts.settings
        logger = parts.logger
        self.room = room
        self.heartbeat = heartbeat
    }

    private var settings: Workers.Settings { reloadable.current }

    /// Runs until the task is canceled or the daemon shuts down; then the calls in flight are waited for.
    /// Canceling the task ends those too, and their outcome is still recorded.
    func run() async {
        let wakeup = Wakeup(signal: store.signal, clock: clock)
        store.tellLaneNews { [logger] news in logger.tell(news) }
        await withDiscardingTaskGroup { calls in
            for left in archive.spool.leftAnswers { calls.addTask { await self.takeBack(left) } }
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                heartbeat.beat()
                let look = wakeup.look()
                let busy = inFlight.withLock { $0 }
                guard store.hasPlace(inFlight: busy) else {
                    // With all places taken nobody else would find out that there is room again, and status would deny it.
                    let isShort = await room.isStillShort()
                    await wakeup.wait(
                        for: .calls, after: look, until: isShort ? clock.now() + settings.storeRetryPause : nil)
                    continue
                }
                guard await room.admitsCall() else {
                    await wakeup.wait(for: .calls, after: look, until: clock.now() + settings.storeRetryPause)
                    continue
                }
                switch await claim(busy) {
                case .claimed(let claim):
                    CrashPoint.intentCommitted.pass()
                    room.reserve(pictures: claim.request.imagesWanted)
                    inFlight.withLock { $0[claim.lane, default: 0] += 1 }
                    calls.addTask { await self.call(claim) }
                case .nothing(let until):
                    await wakeup.wait(for: .calls, after: look, until: until)
                }
            }
            // From here on the calls in flight are waited for, which may take as long as it takes.
            heartbeat.end()
        }
    }

    /// A store that cannot write now (a full disk) is asked again after a pause: no call begins without its intent on the disk.
    private func claim(_ busy: [Lane: Int]) async -> Store.ClaimResult {
        do {
            return try await store.claim(inFlight: busy)
        } catch {
            logger.error("cannot claim a job", metadata: ["error": "\(error)"])
            room.look(at: error)
            return .nothing(until: clock.now() + settings.storeRetryPause)
        }
    }

    private func call(_ claim: Claim) async {
        defer { room.release(pictures: claim.request.imagesWanted) }
        let inbox = inbox(of: claim.call)
        let report = await report(of: claim, inbox: inbox)
        await note(report, of: claim.call)
        CrashPoint.answerRead.pass()
        // The place is free as soon as pictures are here, whatever their archiving takes; after any other answer, as soon as
        // the lane has judged it, so that no call begins which the lane would not have let through.
        let isAnswered = report.outcome.kind == .answered
        if isAnswered { leave(claim.lane) }
        await record(report, of: claim.call, from: inbox) { [store] pictures in
            try await store.record(report, of: claim, pictures: pictures)
        }
        if !isAnswered { leave(claim.lane) }
    }

    private func leave(_ lane: Lane) {
        inFlight.withLock { $0[lane, default: 1] -= 1 }
        store.signal.notify([.calls])
    }

    private func inbox(of call: CallID, arrivals: [Int: InlinePictures.Arrival] = [:]) -> InlinePictures {
        InlinePictures(
            call: call, spool: archive.spool, arrivals: arrivals,
            patience: { [clock, settings, room, logger] error in
                logger.failure("cannot store the content of an answer", error, ["job.id": "\(call.job)"])
                room.look(at: error)
                try await clock.sleep(for: settings.storeRetryPause)
            })
    }

    /// From here on the report outlives kill -9. It does without if there is no room: the record is tried at once, and
    /// pictures that came inline have outlived it before.
    private func note(_ report: CallReport, of call: CallID) async {
        // Of what never left nothing came.
        guard report.sentAt != nil else { return }
        do {
            try await archive.spool.note(AnswerNote(report).json, of: call)
        } catch {
            logger.failure("cannot note an answer before it is recorded", error, ["job.id": "\(call.job)"])
            room.look(at: error)
        }
    }

    private func report(of claim: Claim, inbox: InlinePictures) async -> CallReport {
        var report = await call(claim, into: inbox)
        // Whatever the call's outcome: complete pictures that arrived have been paid for.
        if report.outcome.kind != .answered, !inbox.whole.isEmpty {
            report.outcome = .answered(
                Answer(
                    requestID: report.requestID, items: inbox.whole.map { AnswerItem(inline: $0) },
                    defect: report.outcome.message))
        }
        switch report.outcome {
        // The API never saw it, or it was given up by a shutdown before it left.
        case .rejected(let error): report.isLocal = error.status == nil
        case .notSent: report.isLocal = report.isLocal || Task.isCancelled
        default: break
        }
        return report
    }

    private func call(_ claim: Claim, into inbox: InlinePictures) async -> CallReport {
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
                                the picture that the job edits is damaged in the archive and was moved to \
                                quarantine. Submit the \
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

    /// An answer that a dead process had received: what came of it is recorded as if nothing had happened between.
    private func takeBack(_ left: LeftAnswer) async {
        let isOpen = await untilDone("look for an interrupted call", job: left.call.job) {
            try await store.isCalling(left.call)
        }
        guard let isOpen else { return }
        guard isOpen else { return await forget(left.call) }
        let found = await untilDone("take back an answer", job: left.call.job) {
            let note = try await archive.spool.note(of: left.call).flatMap { try? AnswerNote(json: $0) }
            var arrivals: [Int: InlinePictures.Arrival] = [:]
            for picture in left.pictures {
                guard let file = try await archive.spool.takeBack(picture, of: left.call) else { continue }
                arrivals[picture.ordinal] = .init(file: file, isValid: picture.isValid)
            }
            return (report: AnswerNote.report(note, pictures: arrivals.keys.sorted()), arrivals: arrivals)
        }
        guard let found else { return }
        logger.notice(
            "An answer received before fluxqd was stopped has now been recorded.",
            metadata: ["job.id": "\(left.call.job)", "attempt": "\(left.call.attempt)"])
        await record(found.report, of: left.call, from: inbox(of: left.call, arrivals: found.arrivals)) {
            [store] pictures in
            let advance = try await store.takeBack(found.report, of: left.call, pictures: pictures)
            CrashPoint.answerTakenBack.pass()
            return advance
        }
    }

    /// Archives what came inline and records the answer, the one thing that cannot be obtained again: it is tried
    /// until it is on the
    /// disk. Where the daemon has to stop before, the next start finds in incoming/ what came.
    private func record(
        _ report: CallReport, of call: CallID, from inbox: InlinePictures,
        as commit: @escaping @Sendable ([NewPicture]) async throws -> Advance
    ) async {
        var pictures: [NewPicture] = []
        if case .answered(let answer) = report.outcome {
            for item in answer.items {
                guard let picture = await keep(item, of: answer, from: inbox) else { return }
                pictures.append(picture)
            }
            // What no item speaks of has been paid for too, unless it is the same once more.
            for ordinal in inbox.whole {
                guard let picture = await keep(AnswerItem(inline: ordinal), of: answer, from: inbox) else { return }
                if !pictures.contains(picture) { pictures.append(picture) }
            }
        }
        let advance = await untilDone("record an answer", job: call.job) { [pictures] in try await commit(pictures) }
        guard let advance else { return }
        CrashPoint.answerRecorded.pass()
        logger.info(
            "call ended",
            metadata: [
                "job.id": "\(call.job)", "attempt": "\(call.attempt)", "status": "\(report.status ?? 0)",
                "billing": "\(report.outcome.billing.rawValue)", "result": "\(advance)",
            ])
        await forget(call)
        CrashPoint.answerForgotten.pass()
    }

    /// What stays nonetheless is found by the next start, which sees that the answer is recorded.
    private func forget(_ call: CallID) async {
        do {
            try await archive.spool.forget(call)
        } catch {
            logger.failure("cannot remove the note of a recorded answer", error, ["job.id": "\(call.job)"])
        }
    }

    /// Takes one item of the answer as far as it can be taken without another request.
    ///
    /// - Returns: nil if the daemon has to stop before.
    private func keep(_ item: AnswerItem, of answer: Answer, from inbox: InlinePictures) async -> NewPicture? {
        var otherwise: NewPicture?
        if let ordinal = item.inline {
            if let arrival = inbox.take(ordinal) {
                guard let kept = await keep(arrival, item, inbox.call) else { return nil }
                if case .saved = kept { return kept }
                otherwise = kept
            } else {
                // Nothing was wrong with what the API sent.
                otherwise = .lost(
                    link: nil, message: "The API sent it inline, and the host went down before it was on disk.")
            }
        }
        if let link = item.link {
            return .link(link, deadline: LinkDeadline.of(link: link, created: answer.created, now: clock.now()))
        }
        return otherwise ?? .unusable(nil, message: item.error ?? "The API sent neither a link nor a picture.")
    }

    /// A whole picture goes into the archive as one; anything else that was paid for, as bytes for a person to look at.
    private func keep(_ arrival: InlinePictures.Arrival, _ item: AnswerItem, _ call: CallID) async -> NewPicture? {
        await untilDone("store a picture", job: call.job) {
            var message = item.error ?? "The inline picture is not base64."
            if arrival.isValid {
                switch try await archive.storePicture(arrival.file) {
                case .success(let picture):
                    CrashPoint.inlinePictureArchived.pass()
                    return .saved(picture)
                case .failure(let defect): message = "The inline picture \(defect)."
                }
            }
            let object = try await archive.store(arrival.file)
            CrashPoint.inlinePictureArchived.pass()
            return .unusable(object.hash, message: message)
        }
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

extension Logger {
    /// A lane is closed or open again.
    fileprivate func tell(_ news: LaneNews) {
        if let hold = news.hold {
            warning(
                "calls are held",
                metadata: [
                    "endpoint": "\(news.lane.endpoint)", "model": "\(news.lane.model)",
                    "cause": "\(hold.cause.rawValue)",
                    "error": "\(hold.message)",
                ])
        } else {
            notice(
                "calls continue",
                metadata: ["endpoint": "\(news.lane.endpoint)", "model": "\(news.lane.model)"])
        }
    }
}
