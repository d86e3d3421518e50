package import FluxqFormats
package import FluxqModel

/// A job on the wire. Keys that do not apply to its state are left out.
package struct JobDocument: Hashable, Sendable, Codable {
    package var id: Int64
    package var state: String
    /// queued: the one reason that it is not running now.
    package var waiting: String?
    /// queued: when it may run.
    package var notBefore: WireTime?
    /// queued: where it stands among all that wait for their turn, from 1.
    package var place: Int?
    /// queued, in the place of `place`: more than so many are ahead of it.
    package var placeBeyond: Int?
    /// queued: when its turn comes, from how long calls have taken lately.
    package var estimatedStartAt: WireTime?
    /// queued: the limit that the owner's next job, and so this one, waits for.
    package var limit: LimitDocument?
    /// running: `calling` or `archiving`.
    package var phase: String?
    /// running: somebody has asked to cancel it.
    package var cancelRequested: Bool?
    /// failed: from the closed set of reasons.
    package var reason: String?
    /// For people: why it failed, what an archiving job waits for, or which limit a queued one, or what its last call met.
    package var message: String?
    /// failed: the API's own error, when there was one.
    package var error: ErrorDocument?
    /// done: fewer pictures came than were asked for.
    package var warning: String?
    package var owner: String
    package var uid: UInt32
    package var label: String?
    package var priority: Int
    package var createdAt: WireTime
    package var startedAt: WireTime?
    package var finishedAt: WireTime?
    package var attempts: Int
    /// Where it is called.
    package var endpoint: String?
    package var request: EditRequest
    /// What the archive has: pictures, and what came in a picture's place (`"usable": false`).
    package var images: [ImageDocument]
    /// Pictures that were found damaged in the archive and are not among `images` now; left out if there are none.
    package var damaged: [DamagedDocument]?
    /// archiving: pictures that still have to be fetched, the soonest to die first; left out if there are none.
    package var pending: [PendingDocument]?
    /// Pictures that were paid for and could not be fetched, or came so that nothing could be kept; left out if there
    /// are none.
    package var lost: [LostDocument]?
    package var api: AnswerDocument?
    /// Its latest calls, oldest first, at most a hundred; left out of lists.
    package var ledger: [LedgerDocument]?
    /// How many calls there are before those; `GET /v1/jobs/{id}/calls` has them. Left out if there are none.
    package var earlierCalls: Int?

    package enum CodingKeys: String, CodingKey {
        case id, state, waiting
        case notBefore = "not_before"
        case place
        case placeBeyond = "place_beyond"
        case estimatedStartAt = "estimated_start_at"
        case limit, phase
        case cancelRequested = "cancel_requested"
        case reason, message, error, warning, owner, uid, label, priority
        case createdAt = "created_at"
        case startedAt = "started_at"
        case finishedAt = "finished_at"
        case attempts, endpoint, request, images, damaged, pending, lost, api, ledger
        case earlierCalls = "earlier_calls"
    }

    /// With what every job has; the rest is set afterwards.
    package init(
        id: Int64, state: String, owner: String, uid: UInt32, priority: Int, createdAt: WireTime, attempts: Int,
        request: EditRequest, images: [ImageDocument]
    ) {
        self.id = id
        self.state = state
        self.owner = owner
        self.uid = uid
        self.priority = priority
        self.createdAt = createdAt
        self.attempts = attempts
        self.request = request
        self.images = images
    }
}

extension JobDocument {
    package struct ErrorDocument: Hashable, Sendable, Codable {
        package var status: Int?
        package var code: String?
        package var type: String?
        package var message: String
        package var requestID: String?

        package enum CodingKeys: String, CodingKey {
            case status, code, type, message
            case requestID = "request_id"
        }

        package init(status: Int?, code: String?, type: String?, message: String, requestID: String?) {
            self.status = status
            self.code = code
            self.type = type
            self.message = message
            self.requestID = requestID
        }
    }

    package struct ImageDocument: Hashable, Sendable, Codable {
        package var index: Int
        package var hash: String
        package var mediaType: String
        /// Pixels; left out where fluxq does not know the format.
        package var width: Int?
        package var height: Int?
        /// Left out where an older fluxq has not counted them.
        package var bytes: Int64?
        /// false: it is no whole picture that fluxq knows, but what came for one. Left out for pictures.
        package var usable: Bool?
        /// What is wrong with it; left out where nothing is.
        package var message: String?

        package enum CodingKeys: String, CodingKey {
            case index, hash
            case mediaType = "media_type"
            case width, height, bytes, usable, message
        }

        package init(
            index: Int, hash: String, mediaType: String, width: Int? = nil, height: Int? = nil, bytes: Int64? = nil,
            usable: Bool? = nil, message: String? = nil
        ) {
            self.index = index
            self.hash = hash
            self.mediaType = mediaType
            self.width = width
            self.height = height
            self.bytes = bytes
            self.usable = usable
            self.message = message
        }

        package var isPicture: Bool { usable ?? true }
    }

    package struct DamagedDocument: Hashable, Sendable, Codable {
        package var index: Int
        /// Its link still lives: it is fetched again by itself, and nothing is paid for it.
        package var isFetchedAgain: Bool
        /// What it was.
        package var hash: String
        package var message: String

        package enum CodingKeys: String, CodingKey {
            case index
            case isFetchedAgain = "fetched_again"
            case hash, message
        }

        package init(index: Int, isFetchedAgain: Bool, hash: String, message: String) {
            self.index = index
            self.isFetchedAgain = isFetchedAgain
            self.hash = hash
            self.message = message
        }
    }

    package struct PendingDocument: Hashable, Sendable, Codable {
        package var index: Int
        /// For the job's owner alone: with it anybody can fetch the picture.
        package var link: String?
        /// When the link dies.
        package var deadline: WireTime
        /// Tries that failed, when the last was, why, and when the next one comes.
        package var tries: Int
        package var triedAt: WireTime?
        package var nextTryAt: WireTime
        package var message: String?

        package enum CodingKeys: String, CodingKey {
            case index, link, deadline, tries
            case triedAt = "tried_at"
            case nextTryAt = "next_try_at"
            case message
        }

        package init(
            index: Int, link: String?, deadline: WireTime, tries: Int, triedAt: WireTime?, nextTryAt: WireTime,
            message: String?
        ) {
            self.index = index
            self.link = link
            self.deadline = deadline
            self.tries = tries
            self.triedAt = triedAt
            self.nextTryAt = nextTryAt
            self.message = message
        }
    }

    package struct LostDocument: Hashable, Sendable, Codable {
        package var index: Int
        package var message: String
        /// For the job's owner alone. It may live, for all that fluxq knows.
        package var link: String?

        package init(index: Int, message: String, link: String?) {
            self.index = index
            self.message = message
            self.link = link
        }
    }
}

extension JobDocument {
    /// What the API said beside the pictures.
    package struct AnswerDocument: Hashable, Sendable, Codable {
        package var requestID: String?
        /// Unix seconds, as the API gives it.
        package var created: Int64?
        package var usage: JSONValue?

        package enum CodingKeys: String, CodingKey {
            case requestID = "request_id"
            case created, usage
        }

        package init(requestID: String?, created: Int64?, usage: JSONValue?) {
            self.requestID = requestID
            self.created = created
            self.usage = usage
        }
    }
}
