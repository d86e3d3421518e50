import FluxqFormats
package import FluxqModel
import FoundationEssentials

extension JobDocument {
    package init(_ job: Job) {
        id = job.id.rawValue
        state = JobState(job.lifecycle.state).rawValue
        owner = job.owner.name
        uid = job.owner.uid
        label = job.label
        priority = job.priority
        createdAt = WireTime(job.createdAt)
        startedAt = job.startedAt.map(WireTime.init)
        finishedAt = job.finishedAt.map(WireTime.init)
        attempts = job.lifecycle.attempts
        request = job.request
        images = job.pictures.compactMap(ImageDocument.init)
        api = job.answer.map(AnswerDocument.init)

        switch job.lifecycle.state {
        case .queued(let notBefore, _):
            waiting = (job.waiting ?? .ready).rawValue
            self.notBefore = notBefore.map(WireTime.init)
            if let limit = job.limit {
                self.limit = LimitDocument(limit)
                message = "\(limit.account) \(limit.release)"
            }
            if let place = job.place {
                self.place = place.place
                placeBeyond = place.place == nil ? QueuePlace.furthest : nil
                estimatedStartAt = place.startsAt.map(WireTime.init)
            }
        case .running(let phase, let cancelRequested):
            self.phase = phase.rawValue
            self.cancelRequested = cancelRequested ? true : nil
            let downloads = job.pictures.compactMap { picture -> Download? in
                if case .pending(let download) = picture.state { download } else { nil }
            }
            if let soonest = downloads.map(\.deadline).min() {
                pending = PendingDocument(pictures: downloads.count, linksDieAt: WireTime(soonest))
                message = downloads.lazy.compactMap(\.message).first
            }
        case .done(let warning):
            self.warning = warning
        case .failed(let failure):
            reason = failure.reason.rawValue
            message = failure.message
            error = failure.error.map(ErrorDocument.init)
        }
    }
}

extension JobDocument.ErrorDocument {
    package init(_ error: APIError) {
        self.init(
            status: error.status, code: error.code, type: error.type, message: error.message, requestID: error.requestID
        )
    }
}

extension JobDocument.ImageDocument {
    /// nil for a picture that is not in the archive.
    fileprivate init?(_ picture: Picture) {
        guard case .saved(let stored) = picture.state else { return nil }
        self.init(
            index: picture.index, hash: stored.hash.description, mediaType: stored.mediaType, width: stored.width,
            height: stored.height, bytes: stored.bytes)
    }
}

extension JobDocument.AnswerDocument {
    fileprivate init(_ record: AnswerRecord) {
        self.init(
            requestID: record.requestID, created: record.created.map { $0.rawValue / 1000 },
            usage: record.usage.flatMap { try? JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) })
    }
}
