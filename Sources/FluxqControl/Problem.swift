package import FluxqModel

/// An error on the wire: `application/problem+json` (RFC 9457) with a stable `code` that programs may switch over.
package struct Problem: Error, Hashable, Sendable, Codable {
    package static let mediaType = "application/problem+json"

    /// Every way in which the control interface says no.
    package enum Code: String, Hashable, Sendable, Codable, CaseIterable {
        /// The request's body, query or path is not what the route takes.
        case badRequest = "bad_request"
        /// One or more fields of a submitted job cannot be sent; `fields` names each.
        case invalidFields = "invalid_fields"
        /// No endpoint offers the model that a submitted job asks for.
        case unknownModel = "unknown_model"
        /// The bytes are not a whole picture of a known format.
        case notAPicture = "not_a_picture"
        case tooLarge = "too_large"
        /// The caller has no such input, or it was removed because no job used it for a day.
        case noSuchInput = "no_such_input"
        /// No such job, or somebody else's.
        case noSuchJob = "no_such_job"
        /// The job has no picture of that index.
        case noSuchImage = "no_such_image"
        /// The picture was found damaged in the archive, and there is no link left to fetch it again from.
        case pictureDamaged = "picture_damaged"
        /// It was found damaged and is being fetched again.
        case pictureRefetched = "picture_refetched"
        case noSuchRoute = "no_such_route"
        case methodNotAllowed = "method_not_allowed"
        case notAllowed = "not_allowed"
        /// At a TCP port: the `Host` field does not name this host and the port.
        case wrongHost = "wrong_host"
        /// At a TCP port: a web page of another site has sent the request.
        case crossSite = "cross_site"
        /// At a TCP port: the request needs `Authorization: Bearer` with any value.
        case bearerMissing = "bearer_missing"
        /// The job's state forbids it.
        case conflict
        /// The same key was used for another request.
        case keyReused = "key_reused"
        case overLimit = "over_limit"
        case unsupportedMediaType = "unsupported_media_type"
        case rangeNotSatisfiable = "range_not_satisfiable"
        /// No room in the state directory.
        case storageFull = "storage_full"
        /// Another program holds the lock on the database.
        case databaseLocked = "database_locked"
        /// The host's user database does not answer.
        case userDatabaseSilent = "user_database_silent"
        case `internal` = "internal"
    }

    /// HTTP status.
    package var status: Int
    package var title: String
    /// What happened and what to do about it.
    package var detail: String
    package var code: Code
    /// For `invalid_fields`: each field and what it may be.
    package var fields: [Field]?
    /// For `over_limit` of a user: which, how much of it is used, and when it is renewed.
    package var limit: LimitDocument?

    package struct Field: Hashable, Sendable, Codable {
        package var field: String
        package var problem: String

        package init(field: String, problem: String) {
            self.field = field
            self.problem = problem
        }
    }

    package init(
        status: Int, code: Code, title: String, detail: String, fields: [Field]? = nil, limit: LimitDocument? = nil
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.fields = fields
        self.limit = limit
    }

    package init(_ invalid: EditRequest.Invalid) {
        if let model = invalid.unknownModel {
            self.init(unknownModel: model)
        } else {
            self.init(
                status: 422, code: .invalidFields, title: "The job is invalid",
                detail: "\(invalid). Nothing was queued.",
                fields: invalid.fields.map { Field(field: $0.field, problem: $0.problem) })
        }
    }

    /// Models that are named; `GET /v1/models` has them all.
    private static let mostModels = 20

    private init(unknownModel model: EditRequest.Invalid.UnknownModel) {
        let named = model.offered.prefix(Self.mostModels).joined(separator: ", ")
        let rest = model.offered.count - Self.mostModels
        self.init(
            status: 422, code: .unknownModel, title: "No such model",
            detail: "No endpoint offers the model \(model.name). Offered: \(named)"
                + (rest > 0 ? ", and \(rest) more (fluxq models, or GET /v1/models)" : "") + ". Nothing was queued.")
    }
}
