import FluxqArchive
import FluxqHost
import FluxqImagesAPI
import FluxqMaintenance
import FluxqModel
import FluxqStore
import FluxqWords
import Logging
import ServiceLifecycle
import Synchronization

/// Claims jobs and calls the API for them, up to the concurrency limits of endpoints and lanes. Archiving a picture
/// does not occupy a call's place.
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
    /// Calls without an answer so far.
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

    /// Runs until the task is canceled or the daemon shuts down, then waits for the calls in flight. Canceling the task
    /// ends those too, and their outcome is still recorded.
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
                    // With all places taken, nothing else would notice that there is room again, and status would
                    // report a full disk.
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
            // From here on it waits for the calls in flight, without a time limit.
            heartbeat.end()
        }
    }

    /// If the store cannot write now (a full disk), it is asked again after a pause: no call begins before its intent
    /// is on the disk.
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
        // An answer with pictures frees the place as soon as the pictures are here, however long their archiving takes.
        // Any other answer frees it after the lane has recorded it, so that no call begins that the lane would have
        // refused.
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

    /// Notes the report. From here on it outlives kill -9. If there is no room, the call continues without a note: the
    /// report is recorded immediately, and inline pictures are on the disk already.
    private func note(_ report: CallReport, of call: CallID) async {
        // A request that was not sent has no answer.
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
        // For any outcome: complete pictures that arrived have been paid for.
        if report.outcome.kind != .answered, !inbox.whole.isEmpty {
            report.outcome = .answered(
                Answer(
                    requestID: report.requestID, items: inbox.whole.map { AnswerItem(inline: $0) },
                    defect: report.outcome.message))
        }
        switch report.outcome {
        // The API never saw it, or a shutdown canceled it before it was sent.
        case .rejected(let error): report.isLocal = error.status == nil
        case .notSent: report.isLocal = report.isLocal || Task.isCancelled
        default: break
        }
        return report
    }

    private func call(_ claim: Claim, into inbox: InlinePictures) async -> CallReport {
        guard let api = apis[claim.lane.endpoint] else {
            var report = CallReport(
                outcome: .notSent(message: .code(.noEndpoint(named: claim.lane.endpoint))))
            report.isLocal = true
            return report
        }
        guard case .content(let hash) = claim.request.image else {
            return await api.generate(claim.request, picture: nil, receiver: inbox)
        }
        do {
            // No money is spent on editing anything other than the submitted picture.
            guard let file = try await quarantine.open(hash) else {
                return CallReport(outcome: .rejected(APIError(message: .code(.damagedInput))))
            }
            let picture = ArchivedPicture(file: file, mediaType: claim.inputMediaType ?? "application/octet-stream")
            return await api.generate(claim.request, picture: picture, receiver: inbox)
        } catch {
            // The host's problem, which may be temporary: no reason to fail the job.
            var report = CallReport(outcome: .notSent(message: .code(.unreadableInput(why: "\(error)"))))
            report.isLocal = true
            return report
        }
    }

    /// Records an answer that a dead process had received, as if there had been no interruption.
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

    /// Archives the inline pictures and records the answer, which cannot be obtained again: retries until it is on the
    /// disk. If the daemon has to stop first, the next start finds the received files in incoming/.
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
            // A picture that no item refers to has been paid for too. An exact duplicate is skipped.
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

    /// Removes the files of a recorded answer. If this fails, the next start finds them and sees that the answer is
    /// recorded.
    private func forget(_ call: CallID) async {
        do {
            try await archive.spool.forget(call)
        } catch {
            logger.failure("cannot remove the note of a recorded answer", error, ["job.id": "\(call.job)"])
        }
    }

    /// Stores one item of the answer as far as that needs no further request.
    ///
    /// - Returns: nil if the daemon has to stop first.
    private func keep(_ item: AnswerItem, of answer: Answer, from inbox: InlinePictures) async -> NewPicture? {
        var otherwise: NewPicture?
        if let ordinal = item.inline {
            if let arrival = inbox.take(ordinal) {
                guard let kept = await keep(arrival, item, inbox.call) else { return nil }
                if case .saved = kept { return kept }
                otherwise = kept
            } else {
                // The API's item itself was valid.
                otherwise = .lost(link: nil, message: .code(.inlineLost))
            }
        }
        if let link = item.link {
            return .link(link, deadline: LinkDeadline.of(link: link, created: answer.created, now: clock.now()))
        }
        return otherwise ?? .unusable(nil, message: item.error.map(PictureTrouble.said) ?? .code(.nothingSent))
    }

    /// Archives a whole picture as a picture. Anything else that was paid for is archived as bytes for a person to
    /// examine.
    private func keep(_ arrival: InlinePictures.Arrival, _ item: AnswerItem, _ call: CallID) async -> NewPicture? {
        await untilDone("store a picture", job: call.job) {
            var message = item.error.map(PictureTrouble.said) ?? .code(.inlineIsNotBase64)
            if arrival.isValid {
                switch try await archive.storePicture(arrival.file) {
                case .success(let picture):
                    CrashPoint.inlinePictureArchived.pass()
                    return .saved(picture)
                case .failure(let defect): message = .code(.inline(fault: PictureFault(defect)))
                }
            }
            let object = try await archive.store(arrival.file)
            CrashPoint.inlinePictureArchived.pass()
            return .unusable(object.hash, message: message)
        }
    }

    /// Repeats work that only a problem of this host can prevent, such as a full disk. Ends when the work is done or
    /// the daemon has to stop.
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
    /// Logs that a lane was closed or opened.
    fileprivate func tell(_ news: LaneNews) {
        if let hold = news.hold {
            warning(
                "calls are held",
                metadata: [
                    "endpoint": "\(news.lane.endpoint)", "model": "\(news.lane.model)",
                    "cause": "\(hold.cause.rawValue)",
                    "error": "\(hold.message.words)",
                ])
        } else {
            notice(
                "calls continue",
                metadata: ["endpoint": "\(news.lane.endpoint)", "model": "\(news.lane.model)"])
        }
    }
}
