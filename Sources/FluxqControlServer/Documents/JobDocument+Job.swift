import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqWords
import FoundationEssentials

extension JobDocument {
    /// - Parameter caller: who reads it; nil in lists, which leave links out.
    init(_ job: Job, for caller: Caller? = nil) {
        self.init(
            id: job.id.rawValue, state: JobState(job.lifecycle.state).rawValue, owner: job.owner.name,
            uid: job.owner.uid, priority: job.priority, createdAt: WireTime(job.createdAt),
            attempts: job.lifecycle.attempts, request: job.request,
            images: job.pictures.compactMap(ImageDocument.init))
        let showsLinks = caller?.uid == job.owner.uid
        label = job.label
        startedAt = job.startedAt.map(WireTime.init)
        finishedAt = job.finishedAt.map(WireTime.init)
        endpoint = job.lane.endpoint
        let damaged = job.pictures.compactMap(DamagedDocument.init)
        self.damaged = damaged.isEmpty ? nil : damaged
        let pending = job.pictures.compactMap { PendingDocument($0, showsLink: showsLinks) }
            .sorted { ($0.deadline.timestamp, $0.index) < ($1.deadline.timestamp, $1.index) }
        self.pending = pending.isEmpty ? nil : pending
        let lost = job.pictures.compactMap { LostDocument($0, showsLink: showsLinks) }
        self.lost = lost.isEmpty ? nil : lost
        api = job.answer.map(AnswerDocument.init)
        if let first = job.ledger.first {
            ledger = job.ledger.map(LedgerDocument.init)
            // They are numbered from 1 without gaps.
            if first.number > 1 { earlierCalls = first.number - 1 }
        }

        switch job.lifecycle.state {
        case .queued(let notBefore, _):
            waiting = (job.waiting ?? .ready).rawValue
            self.notBefore = notBefore.map(WireTime.init)
            message = job.obstacle?.words
            if let limit = job.limit {
                self.limit = LimitDocument(limit)
                message = "\(limit.account) \(limit.release)"
            }
            // What has to be done comes before what only takes time.
            if job.isInputDamaged {
                message = """
                    The picture that it edits is damaged in the archive and was moved to quarantine. Send the same \
                    picture again \
                    with another submit (or PUT /v1/inputs); when it has not come by the job's turn, the job fails as \
                    rejected and nothing is billed.
                    """
            }
            if let place = job.place {
                self.place = place.place
                placeBeyond = place.place == nil ? QueuePlace.furthest : nil
                estimatedStartAt = place.startsAt.map(WireTime.init)
            }
        case .running(let phase, let cancelRequested):
            self.phase = phase.rawValue
            self.cancelRequested = cancelRequested ? true : nil
            message = pending.lazy.compactMap(\.message).first
            message = job.shortage?.cause.words ?? message
        case .done(let warning):
            self.warning = warning?.words
        case .failed(let failure):
            reason = failure.reason.rawValue
            message = failure.message.words
            error = failure.error.map(ErrorDocument.init)
        }
    }
}

extension JobDocument.ErrorDocument {
    init(_ error: APIError) {
        self.init(
            status: error.status, code: error.code, type: error.type, message: error.message.words,
            requestID: error.requestID
        )
    }
}

extension JobDocument.ImageDocument {
    /// nil for a picture of which the archive has nothing.
    fileprivate init?(_ picture: Picture) {
        switch picture.state {
        case .saved(let stored):
            self.init(
                index: picture.index, hash: stored.hash.description, mediaType: stored.mediaType, width: stored.width,
                height: stored.height, bytes: stored.bytes, message: stored.flaw.map { "The picture \($0)." })
        case .unusable(let hash?, let message):
            self.init(
                index: picture.index, hash: hash.description, mediaType: ReadableContent.unknownMediaType,
                bytes: picture.keptBytes, usable: false, message: message.words)
        case .pending, .lost, .unusable(nil, _):
            return nil
        }
    }
}

extension JobDocument.PendingDocument {
    /// nil for a picture that is not to be fetched.
    fileprivate init?(_ picture: Picture, showsLink: Bool) {
        guard case .pending(let download) = picture.state else { return nil }
        self.init(
            index: picture.index, link: showsLink ? download.link : nil, deadline: WireTime(download.deadline),
            tries: download.tries, triedAt: download.triedAt.map(WireTime.init),
            nextTryAt: WireTime(download.nextTryAt), message: download.message?.words)
    }
}

extension JobDocument.LostDocument {
    /// nil for a picture that is there, or may still come, or was damaged later.
    fileprivate init?(_ picture: Picture, showsLink: Bool) {
        guard picture.damaged == nil else { return nil }
        switch picture.state {
        case .lost(let message), .unusable(nil, let message):
            self.init(index: picture.index, message: message.words, link: showsLink ? picture.link : nil)
        case .pending, .saved, .unusable:
            return nil
        }
    }
}

extension JobDocument.DamagedDocument {
    /// nil for a picture that was not found damaged, or is whole again.
    init?(_ picture: Picture) {
        guard let hash = picture.damaged else { return nil }
        let found = "Picture \(picture.index) is damaged in the archive and was moved to quarantine."
        let isFetchedAgain: Bool
        let further: String
        switch picture.state {
        case .pending(let download):
            isFetchedAgain = true
            further =
                "fluxqd downloads it again from its link, which costs nothing."
                + (download.message.map { " The last try failed: \($0.words)" } ?? "")
        case .lost(let message):
            isFetchedAgain = false
            further =
                "\(message.words) An administrator may have it in a backup. Submitting the request again buys it again."
        case .saved, .unusable:
            isFetchedAgain = false
            further = "It was not a complete picture before. The received data is kept for an administrator."
        }
        self.init(
            index: picture.index, isFetchedAgain: isFetchedAgain, hash: hash.description, message: "\(found) \(further)"
        )
    }
}

extension JobDocument.AnswerDocument {
    fileprivate init(_ record: AnswerRecord) {
        self.init(
            requestID: record.requestID, created: record.created.map { $0.rawValue / 1000 },
            usage: record.usage.flatMap { try? JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) })
    }
}
