import FluxqControl
import FluxqControlServer
import FluxqModel
import FluxqWords
import HTTPTypes
import HummingbirdCore

/// An error in the form of OpenAI's API: an object with four members, all of them always.
///
/// `x-should-retry` decides for OpenAI's own clients whether they send the request again. The others decide by the
/// status, so nothing that may have been billed has a status that any client is known to resend (408, 409, 429, 5xx).
struct DoorError: Error, Hashable, Sendable, Encodable {
    var status: Int
    var type: String
    var code: String?
    /// The field of the request that it is about.
    var param: String?
    var message: String
    var shouldRetry = false
    /// Seconds.
    var retryAfter: Int?
    var job: JobID?

    init(
        _ status: Int, _ type: String, _ code: String?, param: String? = nil, _ message: String,
        shouldRetry: Bool = false, retryAfter: Int? = nil, job: JobID? = nil
    ) {
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.message = message
        self.shouldRetry = shouldRetry
        self.retryAfter = retryAfter
        self.job = job
    }

    private enum CodingKeys: String, CodingKey { case error }

    private enum MemberKeys: String, CodingKey { case message, type, param, code }

    func encode(to encoder: any Encoder) throws {
        var document = encoder.container(keyedBy: CodingKeys.self)
        var error = document.nestedContainer(keyedBy: MemberKeys.self, forKey: .error)
        try error.encode(message, forKey: .message)
        try error.encode(type, forKey: .type)
        // An absent member is null here, not left out.
        try error.encode(param, forKey: .param)
        try error.encode(code, forKey: .code)
    }

    static let invalidRequest = "invalid_request_error"
    static let server = "server_error"

    var headers: HTTPFields {
        var headers: HTTPFields = [.contentType: "application/json", .shouldRetry: shouldRetry ? "true" : "false"]
        if let retryAfter { headers[.retryAfter] = "\(retryAfter)" }
        if let job { headers[.job] = "\(job)" }
        return headers
    }

    var response: Response {
        var response: Response
        do {
            response = try Response(self, status: .init(code: status))
        } catch {
            // It consists of strings, which always encode; its status matters most.
            response = Response(status: .init(code: status))
        }
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

extension DoorError {
    /// A problem of fluxq's own interface.
    init(_ problem: Problem) {
        let message = "\(problem.title): \(problem.detail)"
        let code = problem.code.rawValue
        switch problem.code {
        case .invalidFields:
            self.init(400, Self.invalidRequest, code, param: problem.fields?.first?.field, problem.detail)
        case .unknownModel: self.init(404, Self.invalidRequest, "model_not_found", param: "model", message)
        case .notAPicture, .noSuchInput: self.init(400, Self.invalidRequest, code, param: "image", message)
        case .tooLarge: self.init(413, Self.invalidRequest, code, param: "image", message)
        case .unsupportedMediaType: self.init(400, Self.invalidRequest, code, message)
        case .noSuchRoute: self.init(404, Self.invalidRequest, "unknown_url", message)
        case .methodNotAllowed: self.init(405, Self.invalidRequest, "method_not_allowed", message)
        case .notAllowed: self.init(403, "permission_error", code, message)
        case .bearerMissing: self.init(401, Self.invalidRequest, "invalid_api_key", message)
        case .keyReused: self.init(422, Self.invalidRequest, "idempotency_mismatch", message)
        case .storageFull: self.init(503, Self.server, "no_space", message)
        case .databaseLocked, .userDatabaseSilent:
            self.init(503, Self.server, code, message, shouldRetry: true, retryAfter: 5)
        case .overLimit: self.init(limit: problem, message)
        case .noSuchJob, .noSuchImage: self.init(404, Self.invalidRequest, code, message)
        // The picture was paid for: a client that sends the request again must not buy another.
        case .pictureDamaged, .pictureRefetched: self.init(424, Self.server, code, message)
        case .internal: self.init(500, Self.server, code, message)
        default:
            // Refused before anything was queued.
            self.init(problem.status, Self.invalidRequest, code, message, shouldRetry: problem.status == 408)
        }
    }

    /// A limit of the user: of what may wait, which is soon over, or of what may be bought.
    private init(limit problem: Problem, _ message: String) {
        guard let limit = problem.limit, limit.name != LimitKind.queuedJobs.rawValue else {
            // Too many connections, or too many queued jobs.
            self.init(429, "rate_limit_exceeded", "rate_limit_exceeded", message, shouldRetry: true, retryAfter: 5)
            return
        }
        let until = limit.renewedAt.map { $0.timestamp - .now() }
        self.init(
            429, "insufficient_quota", "insufficient_quota", message,
            retryAfter: until.map { max(1, Int($0.components.seconds) + 1) })
    }

    /// The end of a job that has no picture to answer with.
    init(_ failure: Lifecycle.Failure, of job: JobID) {
        let message = "\(failure.message.words) (job \(job): fluxq status \(job))"
        let vendor = failure.error?.code
        switch failure.reason {
        case .rejected: self.init(400, Self.invalidRequest, vendor ?? "rejected", message, job: job)
        case .moderated:
            self.init(400, "image_generation_user_error", vendor ?? "moderation_blocked", message, job: job)
        case .exhausted: self.init(502, Self.server, "exhausted", message, job: job)
        case .noImage, .linkLost, .outcomeUnknown, .canceled:
            self.init(424, Self.server, failure.reason.rawValue, message, job: job)
        }
    }

    /// The client's patience is over before the job is.
    static func stillRunning(_ job: Job) -> DoorError {
        let state = JobState(job.lifecycle.state).rawValue
        return DoorError(
            504, "timeout", "still_running",
            "Job \(job.id) is \(state). Send the same request again to wait for it; that costs nothing more.",
            shouldRetry: true, retryAfter: 1, job: job.id)
    }

    static func held(_ waiting: Waiting) -> DoorError {
        let why =
            waiting == .paused
            ? "An administrator has paused the queue." : "The queue is held, because calls of the API do not succeed."
        return DoorError(
            503, server, waiting == .paused ? "queue_paused" : "queue_held",
            "\(why) Nothing was queued. fluxq status says why; try again when it is open.")
    }
}

extension HTTPField.Name {
    static let shouldRetry = Self.known("x-should-retry")
    static let job = Self.known("X-Fluxq-Job")
    static let cost = Self.known("X-Fluxq-Cost")
    static let ignored = Self.known("X-Fluxq-Ignored")
    static let warning = Self.known("X-Fluxq-Warning")
    static let again = Self.known("X-Fluxq-Again")
    static let requestID = Self.known("x-request-id")
    static let processingTime = Self.known("openai-processing-ms")
    static let replayed = Self.known("Idempotent-Replayed")
    static let idempotencyKey = Self.known("Idempotency-Key")
    static let otherIdempotencyKey = Self.known("X-Idempotency-Key")
    static let retryCount = Self.known("x-stainless-retry-count")
    static let readTimeout = Self.known("x-stainless-read-timeout")
    static let timeout = Self.known("x-stainless-timeout")
    static let prefer = Self.known("Prefer")
    static let preferenceApplied = Self.known("Preference-Applied")

    /// - Parameter name: of letters and hyphens.
    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header") }
        return name
    }
}
