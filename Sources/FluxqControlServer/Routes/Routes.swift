package import FluxqArchive
import FluxqControl
import FluxqHost
package import FluxqMaintenance
import FluxqModel
package import FluxqStore
import HTTPTypes
import HummingbirdCore
import Logging

/// The control interface's routes: this is the only list, which also says who may use them. Each has its own file.
package struct Routes: Sendable {
    package let store: Store
    package let archive: any ContentStore
    package let quarantine: Quarantine
    let callers: Callers
    /// For operations that take processor time, memory or a database reader. However much a user requests at once,
    /// another user waits for at most one such operation of it.
    package let perUserLock = PerUserLock()
    let uploadTurns = PerUserLock()
    package let uploads: UploadRoom
    let told = ToldLooks()
    private let reloadable: Reloadable<ControlServer.Settings>
    let logger: Logger
    package let userLog: UserLog
    var otherInterface: (any OtherInterface)?

    /// - Parameter settings: read again at each use.
    init(
        store: Store, archive: any ContentStore, quarantine: Quarantine, callers: Callers,
        settings: Reloadable<ControlServer.Settings>, logger: Logger, userLog: UserLog
    ) {
        self.store = store
        self.archive = archive
        self.quarantine = quarantine
        self.callers = callers
        reloadable = settings
        self.logger = logger
        self.userLog = userLog
        uploads = UploadRoom(store: store, spool: archive.spool)
    }

    package var settings: ControlServer.Settings { reloadable.current }

    static let all: [Route] = [
        Route(.put, "/v1/inputs", .everybody, Routes.putInput),
        Route(.post, "/v1/jobs", .everybody, Routes.postJob),
        Route(.get, "/v1/jobs", .everybody, Routes.listJobs),
        Route(.post, "/v1/jobs/forget", .everybody, Routes.forgetJobs),
        Route(.get, "/v1/jobs/{id}", .ownerOfJob, Routes.getJob),
        Route(.get, "/v1/jobs/{id}/calls", .ownerOfJob, Routes.listCalls),
        Route(.get, "/v1/jobs/{id}/images/{index}", .ownerOfJob, Routes.getImage),
        Route(.get, "/v1/jobs/{id}/input", .ownerOfJob, Routes.getInput),
        Route(.post, "/v1/jobs/{id}/cancel", .ownerOfJob, Routes.cancelJob),
        Route(.post, "/v1/jobs/{id}/retry", .ownerOfJob, Routes.retryJob),
        Route(.get, "/v1/events", .everybody, Routes.getEvents),
        Route(.get, "/v1/queue", .everybody, Routes.getQueue),
        Route(.post, "/v1/queue/pause", .administrators, Routes.pauseQueue),
        Route(.post, "/v1/queue/resume", .administrators, Routes.resumeQueue),
        Route(.post, "/v1/users/{uid}/renamed", .administrators, Routes.renameUser),
        Route(.post, "/v1/users/{uid}/replaced", .administrators, Routes.replaceUser),
        Route(.get, "/v1/usage", .everybody, Routes.getUsage),
        Route(.get, "/v1/models", .everybody, Routes.listModels),
    ]

    /// A job's document after the caller has changed it.
    func response(with job: Job, to call: Call, status: HTTPResponse.Status = .ok) async throws -> Response {
        try await perUserLock.take(call.caller.uid) { try Response(JobDocument(job, for: call.caller), status: status) }
    }

    /// A problem in the form that the path's interface uses.
    ///
    /// - Parameter path: of the request; nil if it is unknown.
    func response(to problem: Problem, path: String?) -> Response {
        path.flatMap { otherInterface?.response(to: problem, path: $0) } ?? Response(problem)
    }

    func answer(to call: Call) async -> Reply {
        if case .port(let address) = call.connection.entrance,
            let refusal = LoopbackRules.refusal(of: call.head, at: address)
        {
            return Reply(response(to: refusal, path: call.uri.path))
        }
        if let answer = await otherInterface?.answer(to: call) { return answer }
        return Reply(await response(to: call))
    }

    /// The only way from a request to its response: all errors become problems here.
    private func response(to call: Call) async -> Response {
        do {
            return try await route(call)
        } catch {
            let problem = Problem(error)
            if problem.code == .internal {
                userLog.log(
                    .error, "A request failed.", of: call.caller.uid,
                    ["method": "\(call.head.method)", "error": "\(error)"])
            }
            // A path of fluxq's own with a value that cannot be is told in its own form.
            let isOwn = Self.all.contains { $0.parameters(of: call.uri.path) != nil }
            return isOwn ? Response(problem) : response(to: problem, path: call.uri.path)
        }
    }

    private func route(_ call: Call) async throws -> Response {
        // HEAD is handled as GET; the connection omits the body.
        let method = call.head.method == .head ? .get : call.head.method
        let path = call.uri.path
        let found = Self.all.compactMap { route in route.parameters(of: path).map { (route: route, parameters: $0) } }
        // A literal path wins over a path with a parameter: /v1/jobs/forget is not a job.
        let fewest = found.map(\.parameters.count).min()
        let resource = found.filter { $0.parameters.count == fewest }
        if let (route, parameters) = resource.first(where: { $0.route.method == method }) {
            if route.access == .administrators, !call.caller.isAdministrator { throw Problem.administratorsOnly }
            var call = call
            call.parameters = parameters
            return try await route.handler(self)(call)
        }
        let others = resource.map(\.route.method)
        guard !others.isEmpty else { throw Problem.noSuchRoute }
        let allowed = others.flatMap { $0 == .get ? ["GET", "HEAD"] : [$0.rawValue] }.joined(separator: ", ")
        var response = Response(.methodNotAllowed(allowed: allowed))
        response.headers[.allow] = allowed
        return response
    }
}

/// One entry of the list.
struct Route: Sendable {
    typealias Handler = @Sendable (Routes) -> (Call) async throws -> Response

    let method: HTTPRequest.Method
    let path: String
    let access: AccessRule
    let handler: Handler
    private let segments: [Substring]

    /// - Parameter path: with a name in braces for any text without a slash.
    init(_ method: HTTPRequest.Method, _ path: String, _ access: AccessRule, _ handler: @escaping Handler) {
        precondition(path.contains("{id}") == (access == .ownerOfJob), "a job's route is for its owner: \(path)")
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
        segments = path.split(separator: "/", omittingEmptySubsequences: false)
    }

    /// The values of the path's parameters; nil if the path belongs to another route.
    func parameters(of path: String) -> [String: Substring]? {
        let given = path.split(separator: "/", omittingEmptySubsequences: false)
        guard given.count == segments.count else { return nil }
        var parameters: [String: Substring] = [:]
        for (given, segment) in zip(given, segments) {
            if segment.hasPrefix("{"), !given.isEmpty {
                parameters[String(segment.dropFirst().dropLast())] = given
            } else if given != segment {
                return nil
            }
        }
        return parameters
    }
}
