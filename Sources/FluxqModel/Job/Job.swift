/// A job as its owner sees it.
package struct Job: Hashable, Sendable {
    package var id: JobID
    package var owner: Owner
    package var label: String?
    /// −100 to 100; the higher runs first among its owner's jobs.
    package var priority: Int
    package var createdAt: Timestamp
    /// When the latest attempt was claimed.
    package var startedAt: Timestamp?
    /// When it was done or failed.
    package var finishedAt: Timestamp?
    package var request: EditRequest
    /// Where it is called.
    package var lane: Lane
    package var lifecycle: Lifecycle
    /// Why it is not running, where it is queued.
    package var waiting: Waiting?
    /// Where a limit of its owner keeps it waiting.
    package var limit: LimitReached?
    /// Its place in the line of all users, where it is in it.
    package var place: QueuePlace?
    package var pictures: [Picture]
    /// The latest answer's own words.
    package var answer: AnswerRecord?
    /// queued: the picture that it edits was found damaged in the archive and has to be brought again.
    package var isInputDamaged = false
    /// Its latest calls, oldest first; empty in lists.
    package var ledger: [LedgerEntry] = []
    /// queued, in a pause of fluxq's own: what its last call met.
    package var obstacle: String?
    /// running: the disk is full, so that what it brings may have to wait.
    package var shortage: Shortage?

    package init(
        id: JobID, owner: Owner, label: String?, priority: Int, createdAt: Timestamp, startedAt: Timestamp?,
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

    /// Bounds of what a submitter may set beside the request.
    package enum Bounds {
        package static let priority = -100...100
        package static let labelBytes = 200
        package static let keyBytes = 200
    }
}

/// Whose job it is: the number decides, the name is for people.
package struct Owner: Hashable, Sendable {
    /// Of owners whose own number was given to somebody else. No user of any host has one of them, and who comes with one is
    /// refused.
    package static let numbersOfNobody: ClosedRange<UInt32> = 4_294_900_000...4_294_967_293

    package let uid: UInt32
    package let name: String
    /// Numbers of the system's groups, as last looked up; nil if nobody has looked.
    package let groups: Set<UInt32>?

    package init(uid: UInt32, name: String, groups: Set<UInt32>? = nil) {
        self.uid = uid
        self.name = name
        self.groups = groups
    }
}

/// What the API said beside the pictures.
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
