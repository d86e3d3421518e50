import FluxqControl
import FluxqModel

/// A job's state as text: the state, its details, and what it means.
struct JobWords {
    let job: JobDocument

    init(_ job: JobDocument) {
        self.job = job
    }

    /// `queued`, `queued: backoff`, `running: calling`, `done`, `failed: moderated`.
    var state: String {
        let detail =
            switch JobState(rawValue: job.state) {
            case .queued: job.waiting == Waiting.ready.rawValue ? nil : job.waiting
            case .running: job.cancelRequested == true ? "\(job.phase ?? ""), canceling" : job.phase
            case .failed: job.reason
            case .done, nil: String?.none
            }
        return TerminalText.line(detail.map { "\(job.state): \($0)" } ?? job.state)
    }

    var ink: Ink? {
        switch JobState(rawValue: job.state) {
        case .queued: .waiting
        case .running: .active
        case .done: .good
        case .failed: .bad
        case nil: nil
        }
    }

    /// True if the job is done or failed.
    var isFinished: Bool {
        job.state == JobState.done.rawValue || job.state == JobState.failed.rawValue
    }

    /// `4`, or `2 of 4` while pictures are still pending or if some did not come.
    var pictures: String? {
        let saved = job.images.count(where: \.isPicture)
        if let pending = job.pending { return "\(saved) of \(saved + pending.count)" }
        if saved == 0 { return nil }
        return saved < job.request.imagesWanted ? "\(saved) of \(job.request.imagesWanted)" : "\(saved)"
    }

    /// One line about the job: how it ended, or its current state.
    var summary: String {
        var text = "job \(job.id): \(state)"
        if let startedAt = job.startedAt, let finishedAt = job.finishedAt {
            text += " after \(Elapsed.words(finishedAt.timestamp - startedAt.timestamp))"
        }
        if let pictures { text += ", \(pictures) \(pictures == "1" ? "picture" : "pictures")" }
        if let message = job.message ?? job.warning { text += ": \(TerminalText.line(message))" }
        return text
    }

    /// The live line on a terminal while the job is queued or running.
    func live(now: Timestamp) -> String {
        let since = job.state == JobState.running.rawValue ? job.startedAt ?? job.createdAt : job.createdAt
        var text = "job \(job.id)  \(state)"
        if job.phase == Phase.archiving.rawValue, let pictures { text += ", \(pictures) saved" }
        return text + "  \(Elapsed.words(now - since.timestamp))"
    }

    /// The reason for the state and what a person can do, in whole sentences.
    func advice(_ presentation: Presentation) -> [String] {
        switch JobState(rawValue: job.state) {
        case .queued: queuedAdvice(presentation)
        case .running: runningAdvice(presentation)
        case .failed: [failedAdvice(presentation)].compactMap { $0 }
        case .done: ["To fetch its pictures: fluxq fetch \(job.id)"]
        case nil: []
        }
    }

    private func queuedAdvice(_ presentation: Presentation) -> [String] {
        let time = job.notBefore.map { " (\(presentation.fullMoment($0)))" } ?? ""
        return switch job.waiting.flatMap(Waiting.init(rawValue:)) {
        case .ready: ["It runs as soon as a worker is free."]
        case .scheduled: ["It waits for its start time\(time)."]
        case .backoff: ["Its last attempt failed. fluxq retries automatically\(time)."]
        case .rateLimited:
            ["The rate limit of the API or of the configuration is reached. The job continues automatically."]
        case .userLimit, .budget:
            ["You have reached a limit\(renewal(presentation)). To see what is left, run: fluxq usage"]
        case .held:
            [
                "Its model is unavailable or the disk is full; run fluxq status to see which. The job continues "
                    + "automatically."
            ]
        case .paused: ["An administrator has paused the queue. The job continues when the queue is resumed."]
        case nil: []
        }
    }

    /// When the calendar renews the limit that the job waits for.
    private func renewal(_ presentation: Presentation) -> String {
        job.limit?.renewedAt.map { "; it is renewed \(presentation.fullMoment($0))" } ?? ""
    }

    private func runningAdvice(_ presentation: Presentation) -> [String] {
        var result: [String] = []
        if job.phase == Phase.archiving.rawValue {
            var text = "Paid"
            if let pictures { text += ", \(pictures) saved" }
            if let pending = job.pending?.first {
                let left = pending.deadline.timestamp - presentation.now
                text +=
                    left > .zero
                    ? ", links expire in \(Elapsed.words(left))"
                    : ", links should have expired \(Elapsed.words(.zero - left)) ago; fluxq is making its last "
                        + "attempts"
            }
            result.append(text + ". fluxq downloads the rest automatically, at no further cost.")
            if let tried = job.pending?.first?.triedAt, let next = job.pending?.first?.nextTryAt {
                result.append(
                    "The last download attempt failed \(Elapsed.relative(tried.timestamp, now: presentation.now)); "
                        + "the next one is due \(Elapsed.relative(next.timestamp, now: presentation.now)).")
            }
        } else {
            result.append("The API is being called.")
        }
        if job.cancelRequested == true {
            result.append("It is being canceled. Pictures of its running call are paid for, so fluxq saves them.")
        }
        return result
    }

    private func failedAdvice(_ presentation: Presentation) -> String? {
        let retry = "fluxq retry \(job.id)"
        return switch job.reason.flatMap(FailureReason.init(rawValue:)) {
        case .rejected: "The API rejected this request. You were not billed. Change the request, then submit it again."
        case .moderated:
            "The API's content filter rejected the prompt or the picture. You were not billed. Submit "
                + "another prompt or picture."
        case .noImage:
            "The API billed the call but sent no usable picture. \(rest)To buy it again: \(retry)"
        case .outcomeUnknown:
            "It may have been billed: \(sending(presentation)), but the result is unknown. fluxq will not resend it "
                + "automatically. The API's operator can tell whether it was billed. To buy it again: \(retry)"
        case .exhausted: "The cost of each attempt is listed next to it. To try again: \(retry)"
        case .linkLost:
            "The job was paid for, but some pictures were lost before they could be saved. \(rest)To buy it again: "
                + "\(retry)"
        case .canceled where job.ledger?.last?.billing == Billing.unknown.rawValue:
            "Its last call may have been billed. To buy it again: \(retry)"
        case .canceled: "To queue it again: \(retry)"
        case nil: nil
        }
    }

    /// How to fetch the saved pictures; empty if there are none.
    private var rest: String {
        job.images.isEmpty ? "" : "To fetch what was saved: fluxq fetch \(job.id). "
    }

    /// When the latest call was sent, and its request id, as far as the ledger has them.
    private func sending(_ presentation: Presentation) -> String {
        guard let call = job.ledger?.last else { return "the request was sent" }
        let request = call.requestID.map { "the request \(TerminalText.line($0))" } ?? "the request"
        if let sentAt = call.sentAt { return "\(request) was sent \(presentation.fullMoment(sentAt))" }
        return "\(request) was started \(presentation.fullMoment(call.begunAt)) and may have been sent"
    }
}
