/// A job as its owner sees it.
package struct Job: Hashable, Sendable {
    package var id: JobID
    package var owner: User
    package var label: String?
    /// −100 to 100; a higher priority runs first among its owner's jobs.
    package var priority: Int
    package var createdAt: Timestamp
    /// The time when the latest attempt was claimed.
    package var startedAt: Timestamp?
    /// The time when it was done or failed.
    package var finishedAt: Timestamp?
    package var request: EditRequest
    /// The lane on which it is called.
    package var lane: Lane
    package var lifecycle: Lifecycle
    /// The reason why it is not running, if it is queued.
    package var waiting: Waiting?
    /// The limit of its owner that makes it wait, if any.
    package var limit: LimitReached?
    /// Its queue position among all users, if it has one.
    package var place: QueuePlace?
    package var pictures: [Picture]
    /// The latest answer's data other than pictures.
    package var answer: AnswerRecord?
    /// queued: the picture that it edits was found damaged in the archive and must be uploaded again.
    package var isInputDamaged = false
    /// Its latest calls, oldest first; empty in lists.
    package var ledger: [LedgerEntry] = []
    /// queued, in a pause set by fluxq: the message of its last call.
    package var obstacle: CallTrouble?
    /// running: the disk is full, so saving its pictures may have to wait.
    package var shortage: Shortage?

    package init(
        id: JobID, owner: User, label: String?, priority: Int, createdAt: Timestamp, startedAt: Timestamp?,
        finishedAt: Timestamp?, request: EditRequest, lane: Lane? = nil, lifecycle: Lifecycle, waiting: Waiting?,
        limit: LimitReached? = nil,
        pictures: [Picture], answer: AnswerRecord?
    ) {
        self.id = id
        self.owner = owner
        self.label = label
        self.priority = priority
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.request = request
        self.lane = lane ?? Lane(endpoint: Lane.defaultEndpoint, model: request.model)
        self.lifecycle = lifecycle
        self.waiting = waiting
        self.limit = limit
        self.pictures = pictures
        self.answer = answer
    }

    /// Bounds of the values that a submitter may set in addition to the request.
    package enum Bounds {
        package static let priority = -100...100
        package static let labelBytes = 200
        package static let keyBytes = 200
    }
}

/// The API's data in addition to the pictures.
package struct AnswerRecord: Hashable, Sendable {
    package var requestID: String?
    package var created: Timestamp?
    /// JSON text.
    package var usage: String?

    package init(requestID: String?, created: Timestamp?, usage: String?) {
        self.requestID = requestID
        self.created = created
        self.usage = usage
    }
}

extension JobState {
    package init(_ state: Lifecycle.State) {
        switch state {
        case .queued: self = .queued
        case .running: self = .running
        case .done: self = .done
        case .failed: self = .failed
        }
    }
}
