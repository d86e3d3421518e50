/// The body of `POST /v1/jobs/forget`: all ended jobs of the caller that every given part names.
package struct ForgetRequest: Hashable, Sendable, Codable {
    /// Numbers in one request at most.
    package static let mostJobs = 1000

    package var ids: [Int64]?
    package var label: String?
    /// `done` or `failed`.
    package var state: String?
    /// Only jobs that ended before then.
    package var before: WireTime?
    /// Only tells what would be forgotten.
    package var preview: Bool?

    package enum CodingKeys: String, CodingKey {
        case ids, label, state, before, preview
    }

    package init(
        ids: [Int64]? = nil, label: String? = nil, state: String? = nil, before: WireTime? = nil, preview: Bool? = nil
    ) {
        self.ids = ids
        self.label = label
        self.state = state
        self.before = before
        self.preview = preview
    }
}

/// The answer: what was forgotten, or would be.
package struct ForgetDocument: Hashable, Sendable, Codable {
    package var jobs: Int64 = 0
    /// Their pictures, and what came in a picture's place.
    package var pictures: Int64 = 0
    /// Of the pictures.
    package var bytes: Int64 = 0
    /// In the database.
    package var textBytes: Int64 = 0
    /// Jobs that stay because a picture that was paid for is still to be fetched.
    package var pending: Int64
    /// Named jobs that stay, and why; left out if there are none.
    package var staying: [Staying]?
    /// The same request forgets more: each takes some.
    package var more: Bool?
    /// Jobs that ended later are not among them.
    package var before: WireTime

    package struct Staying: Hashable, Sendable, Codable {
        package var id: Int64
        package var problem: String

        package init(id: Int64, problem: String) {
            self.id = id
            self.problem = problem
        }
    }

    package enum CodingKeys: String, CodingKey {
        case jobs, pictures, bytes
        case textBytes = "text_bytes"
        case pending, staying, more, before
    }

    package init(pending: Int64 = 0, before: WireTime) {
        self.pending = pending
        self.before = before
    }
}
