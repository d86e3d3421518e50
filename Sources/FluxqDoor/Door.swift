package import FluxqControl
package import FluxqControlServer
package import FluxqHost
import FluxqModel
import FoundationEssentials
import HTTPTypes
package import HummingbirdCore
import Logging

/// The OpenAI-compatible interface: requests of clients that know nothing of fluxq become jobs, and the answers are made
/// from the archive.
///
/// ```
/// body ──> FormReader ──> DoorForm ──> WaitingRoom ──> an earlier, identical request's job, or a new one
///                                          │
///                                          └─> wait for its end ──> PictureAnswer or DoorError ──> delivered?
/// ```
package struct Door: OtherInterface {
    let routes: Routes
    let room: WaitingRoom
    private let reloadable: Reloadable<Settings>

    /// - Parameter settings: read again for each request.
    package init(_ routes: Routes, _ room: WaitingRoom, settings: Reloadable<Settings>) {
        self.routes = routes
        self.room = room
        reloadable = settings
    }

    var settings: Settings { reloadable.current }

    /// A route, named as its path without the prefix `/v1`.
    enum Route: Hashable, CaseIterable {
        case generations, edits, generation, models, model

        var method: HTTPRequest.Method {
            switch self {
            case .generations, .edits: .post
            case .generation, .models, .model: .get
            }
        }

        /// As documented.
        var path: String {
            switch self {
            case .generations: "/images/generations"
            case .edits: "/images/edits"
            case .generation: "/images/generations/{id}"
            case .models: "/models"
            case .model: "/models/{model}"
            }
        }

        /// The route of a path, with the text that stands for the part in braces.
        static func find(_ path: String) -> (route: Route, rest: String)? {
            let path = path.hasPrefix("/v1/") ? path.dropFirst("/v1".count) : path[...]
            for route in [Route.generations, .edits, .models] where route.path == path { return (route, "") }
            for route in [Route.generation, .model] {
                let prefix = route.path.prefix { $0 != "{" }
                if path.hasPrefix(prefix), path.count > prefix.count {
                    return (route, String(path.dropFirst(prefix.count)))
                }
            }
            return nil
        }
    }

    package func answer(to call: Call) async -> Reply? {
        // fluxq's own interface has this path too, with the same document.
        guard call.uri.path != "/v1/models", let (route, rest) = Route.find(call.uri.path) else { return nil }
        let requestID = "req-" + String(UInt64.random(in: .min ... .max), radix: 16)
        let begun = ContinuousClock.now
        var answer: Reply
        do {
            answer = try await self.answer(to: call, route, rest)
        } catch {
            answer = Reply(doorError(error, of: call).response)
        }
        answer.response.headers[.requestID] = requestID
        if !answer.response.isStream {
            answer.response.headers[.processingTime] = "\((ContinuousClock.now - begun).milliseconds)"
        }
        return answer
    }

    package func response(to problem: Problem, path: String) -> Response? {
        let path = String(path.prefix { $0 != "?" })
        guard path != "/v1/models",
            Route.find(path) != nil || problem.code == .noSuchRoute && path.hasPrefix("/v1/")
        else { return nil }
        return DoorError(problem).response
    }

    private func answer(to call: Call, _ route: Route, _ rest: String) async throws -> Reply {
        let method = call.head.method == .head ? .get : call.head.method
        guard method == route.method else {
            let allowed = route.method == .get ? "GET, HEAD" : route.method.rawValue
            var response = DoorError(Problem.methodNotAllowed(allowed: allowed)).response
            response.headers[.allow] = allowed
            return Reply(response)
        }
        switch route {
        case .generations: return try await createImage(call, isEdit: false)
        case .edits: return try await createImage(call, isEdit: true)
        case .generation: return try await collect(call, rest)
        case .models: return Reply(try Response(models))
        case .model:
            // Some clients encode the slash in a model's name.
            let name =
                URL(string: "http://localhost/\(rest)").map { String($0.path(percentEncoded: false).dropFirst()) }
                ?? rest
            guard let model = models.data.first(where: { $0.id == settings.model(for: name) }) else {
                throw DoorError(
                    404, DoorError.invalidRequest, "model_not_found", param: "model",
                    "There is no model \(name.prefix(200)). GET /v1/models lists the models.")
            }
            return Reply(try Response(model))
        }
    }

    private var models: ModelList { ModelList(routes.settings.catalog, prices: routes.settings.prices) }

    /// The error to answer with. What only an administrator can use goes to the log instead.
    func doorError(_ error: any Error, of call: Call) -> DoorError {
        if let error = error as? DoorError { return error }
        // Nobody reads it.
        if call.connection.hasClientLeft { return DoorError(Problem.failed) }
        let problem = Problem(error)
        if problem.code == .internal {
            routes.userLog.log(
                .error, "A request failed.", of: call.caller.uid,
                ["method": "\(call.head.method)", "error": "\(error)"]
            )
        }
        return DoorError(problem)
    }
}

extension Response {
    fileprivate var isStream: Bool { headers[.contentType] == "text/event-stream" }
}
