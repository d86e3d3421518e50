import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqControlServer

/// Every route × {owner, another user, administrator, no credential}, with real processes of those users.
@Suite("The access table", .enabled(if: Asking.isPossible), .timeLimit(.minutes(30)))
struct AccessTableTests {
    private enum Cell {
        case allowed
        /// Byte for byte as if the job did not exist.
        case notThere
        case forbidden
    }

    private struct Row {
        let route: String
        let owner: Cell
        let other: Cell
        let administrator: Cell
        let nobody: Cell

        init(_ route: String, _ owner: Cell, _ other: Cell, _ administrator: Cell, _ nobody: Cell) {
            self.route = route
            self.owner = owner
            self.other = other
            self.administrator = administrator
            self.nobody = nobody
        }
    }

    private static let owner = User(uid: 4201, name: "4201")
    private static let other: UInt32 = 4202
    private static let administrator: UInt32 = 4203
    private static let nobody: UInt32 = 65534
    private static let missing = "999999"
    /// A uid that has connected under another name.
    private static let reused: UInt32 = 4299

    private static let table = [
        //                                               owner     another    administrator  no credential
        Row("PUT /v1/inputs", /*                      */ .allowed, .allowed, .allowed, .forbidden),
        Row("POST /v1/jobs", /*                       */ .allowed, .allowed, .allowed, .forbidden),
        Row("GET /v1/jobs", /*                        */ .allowed, .allowed, .allowed, .forbidden),
        Row("POST /v1/jobs/forget", /*                */ .allowed, .allowed, .allowed, .forbidden),
        Row("GET /v1/jobs/{id}/calls", /*             */ .allowed, .notThere, .allowed, .forbidden),
        Row("GET /v1/jobs/{id}", /*                   */ .allowed, .notThere, .allowed, .forbidden),
        Row("GET /v1/jobs/{id}/images/{index}", /*    */ .allowed, .notThere, .allowed, .forbidden),
        Row("GET /v1/jobs/{id}/input", /*             */ .allowed, .notThere, .allowed, .forbidden),
        Row("POST /v1/jobs/{id}/cancel", /*           */ .allowed, .notThere, .allowed, .forbidden),
        Row("POST /v1/jobs/{id}/retry", /*            */ .allowed, .notThere, .allowed, .forbidden),
        Row("GET /v1/events", /*                      */ .allowed, .allowed, .allowed, .forbidden),
        Row("GET /v1/queue", /*                       */ .allowed, .allowed, .allowed, .forbidden),
        Row("GET /v1/usage", /*                       */ .allowed, .allowed, .allowed, .forbidden),
        Row("GET /v1/models", /*                      */ .allowed, .allowed, .allowed, .forbidden),
        Row("POST /v1/queue/pause", /*                */ .forbidden, .forbidden, .allowed, .forbidden),
        Row("POST /v1/users/{uid}/renamed", /*        */ .forbidden, .forbidden, .allowed, .forbidden),
        Row("POST /v1/users/{uid}/replaced", /*       */ .forbidden, .forbidden, .allowed, .forbidden),
        Row("POST /v1/queue/resume", /*               */ .forbidden, .forbidden, .allowed, .forbidden),
    ]

    private func run(_ body: (TestServer) async throws -> Void) async throws {
        try await TestServer.run(settings: { $0.administrators = .init(only: [Self.administrator]) }, body)
    }

    @Test("has a row for every route, and no other")
    func complete() {
        #expect(Set(Self.table.map(\.route)) == Set(Routes.all.map { "\($0.method) \($0.path)" }))
        #expect(Self.table.count == Routes.all.count)
    }

    @Test("holds in every cell")
    func cells() async throws {
        for row in Self.table {
            // A separate server for each row: a server explains at most eight refusals per second to one peer without
            // access, and then closes without an answer.
            try await run { server in
                let callers: [(UInt32, Cell)] = [
                    (Self.owner.uid, row.owner), (Self.other, row.other),
                    (Self.administrator, row.administrator), (Self.nobody, row.nobody),
                ]
                for (caller, cell) in callers {
                    let id = try await job(for: row.route, server)
                    let reply = try await ask(server, as: caller, try arguments(row.route, id: id, server))
                    switch cell {
                    case .allowed:
                        #expect((200...204).contains(reply.status), "\(row.route) by \(caller): \(reply)")
                    case .notThere:
                        let missing = try await ask(
                            server, as: caller, try arguments(row.route, id: Self.missing, server))
                        #expect(reply.status == 404 && reply == missing, "\(row.route) by \(caller): \(reply)")
                    case .forbidden:
                        let body = row.route.hasPrefix("GET /v1/events") ? "403" : "\"code\":\"not_allowed\""
                        #expect(
                            reply.status == 403 && reply.body.contains(body), "\(row.route) by \(caller): \(reply)")
                    }
                }
            }
        }
    }

    @Test("another user's job looks like one that does not exist, for every kind of request")
    func sameBytes() async throws {
        try await run { server in
            let id = try await job(for: "GET /v1/jobs/{id}/images/{index}", server)
            let image = try #require(
                try await server.store.picture(of: JobID(rawValue: Int64(id) ?? 0), index: 1, uid: Self.owner.uid))
            let bad = server.directory.path("bad.json")
            try Data("{\"broken".utf8).write(to: URL(filePath: bad))
            let paths = [
                "", "?wait=1", "?wait=300", "?wait=x", "?bogus=1", "?wait=1&wait=1", "/images/1", "/images/0",
                "/images/2", "/images/x", "/images/99999999999999999999", "/images/1?x=1", "/input", "/input?x=1",
                "/cancel", "/retry", "/calls", "/calls?before=1", "/calls?limit=0", "/cancel?x=1", "/retry?x=1", "/",
                "/images", "/images/", "/none",
            ]
            let ways: [[String]] = [
                [], ["--head"], ["-X", "POST"], ["-X", "DELETE"], ["-X", "PUT", "--data-binary", "@\(bad)"],
                ["--json", "@\(bad)"], ["-r", "0-0"], ["-r", "99999999-"], ["-H", "If-None-Match: *"],
                ["-H", "If-None-Match: \"\(image.hash)\""], ["-H", "If-Range: \"\(image.hash)\"", "-r", "0-3"],
                ["-H", "Expect: 100-continue", "--data", "x"],
            ]
            for way in ways {
                // One process requests all paths, one after the other.
                func answers(_ id: String) async throws -> String {
                    let urls = paths.map { "http://localhost/v1/jobs/\(id)\($0)" }
                    return try await ask(server, as: Self.other, ["--include"] + way + urls).body
                }
                let (foreign, missing) = (try await answers(id), try await answers(Self.missing))
                #expect(foreign == missing, "\(way)")
                let statuses = foreign.matches(of: /HTTP\/1.1 (?!100)([0-9]{3})/).compactMap { Int($0.1) }
                #expect(statuses.count == paths.count && statuses.allSatisfy { $0 >= 400 }, "\(way): \(statuses)")
            }
            let untouched = try await server.store.job(JobID(rawValue: Int64(id) ?? 0), uid: Self.owner.uid)
            #expect(untouched.map { JobState($0.lifecycle.state) } == .done)
        }
    }

    @Test(
        "no user learns that another has a picture: known and unknown hashes get the same answers")
    func hashes() async throws {
        try await run { server in
            let file = server.directory.path("known.png")
            try Data(SamplePictures.png.bytes).write(to: URL(filePath: file))
            let put = ["-T", file, "http://localhost/v1/inputs"]
            let known = try JSONDecoder().decode(
                InputDocument.self, from: Data(try await ask(server, as: Self.owner.uid, put).body.utf8))
            let unknown = "sha256:" + String(repeating: "0", count: 64)
            func submit(_ image: String) async throws -> (status: Int, body: String) {
                let body = #"{"request": {"prompt": "a", "image": "\#(image)"}}"#
                let reply = try await ask(
                    server, as: Self.other, ["--include", "--json", body, "http://localhost/v1/jobs"])
                return (reply.status, reply.body.replacing(image, with: "HASH"))
            }
            let (foreign, missing) = (try await submit(known.image), try await submit(unknown))
            #expect(foreign.status == 422 && foreign == missing)
            // Administrators, too, can use only their own pictures.
            let body = #"{"request": {"prompt": "a", "image": "\#(known.image)"}}"#
            #expect(
                try await ask(server, as: Self.administrator, ["--json", body, "http://localhost/v1/jobs"]).status
                    == 422)

            // Uploading another user's picture gets the same answer as any other upload.
            let again = try await ask(server, as: Self.other, ["--include"] + put)
            let first = try await ask(server, as: Self.owner.uid, ["--include"] + put)
            #expect(again.status == 200 && again == first)
            let own = try await submit(known.image)
            #expect(own.status == 201)
        }
    }

    @Test("a list of all shows only owner, state and place of others' jobs, and administrators everything")
    func listOfAll() async throws {
        try await run { server in
            let finished = try await server.finished(owner: Self.owner)
            for _ in 0..<2 { _ = try await server.submit(owner: Self.owner, label: "secret label") }
            let mine = try await server.submit(owner: User(uid: Self.other, name: "other"))

            let reply = try await ask(server, as: Self.other, ["http://localhost/v1/jobs?all=true"])
            let page = try JSONDecoder().decode(JobPage.self, from: Data(reply.body.utf8))
            #expect(page.jobs.map(\.id) == [mine.id.rawValue])
            #expect(
                page.others == [2, 3].map { .init(owner: "4201", uid: Self.owner.uid, state: "queued", place: $0) })
            // Anything but owner, state and place is not in the bytes at all.
            let others = try #require(reply.body.firstRange(of: "\"others\":["))
            #expect(
                reply.body[others.upperBound...].trimmingCharacters(in: .newlines)
                    == #"{"owner":"4201","place":2,"state":"queued","uid":4201},"#
                    + #"{"owner":"4201","place":3,"state":"queued","uid":4201}]}"#)
            for query in ["all=true&label=secret%20label", "all=true&state=done", "all=true&state=failed"] {
                let reply = try await ask(server, as: Self.other, ["http://localhost/v1/jobs?\(query)"])
                #expect(reply.body == "{\"jobs\":[],\"others\":[]}\n", "\(query)")
            }
            let alone = try await ask(server, as: Self.other, ["http://localhost/v1/jobs"])
            #expect(!alone.body.contains("others"))

            // Their turn comes after the other user's, who has had none.
            _ = try await server.claim()
            let claim = try await server.claim()
            let running = try await ask(server, as: Self.other, ["http://localhost/v1/jobs?all=true&state=running"])
            #expect(
                running.body.hasSuffix(#","others":[{"owner":"4201","state":"running","uid":4201}]}"# + "\n"),
                "\(running.body)")

            let all = try await ask(server, as: Self.administrator, ["http://localhost/v1/jobs?all=true"])
            let everybody = try JSONDecoder().decode(JobPage.self, from: Data(all.body.utf8))
            #expect(everybody.jobs.count == 4 && everybody.others == nil)
            #expect(everybody.jobs.last?.id == finished.id.rawValue && claim.job != finished.id)
            #expect(everybody.jobs.contains { $0.label == "secret label" })
            let own = try await ask(server, as: Self.administrator, ["http://localhost/v1/jobs"])
            #expect(own.body == "{\"jobs\":[]}\n")
            #expect(try await ask(server, as: Self.other, ["http://localhost/v1/jobs?all=maybe"]).status == 400)
        }
    }

    @Test("an administrator's actions are in the owner's events, with the administrator's uid")
    func actor() async throws {
        try await run { server in
            let job = try await server.submit(owner: Self.owner)
            for verb in ["cancel", "retry"] {
                #expect(
                    try await ask(
                        server, as: Self.administrator, ["-X", "POST", "http://localhost/v1/jobs/\(job.id)/\(verb)"]
                    ).status == 200)
            }
            for verb in ["pause", "pause", "resume", "resume"] {
                #expect(
                    try await ask(
                        server, as: Self.administrator, ["-X", "POST", "http://localhost/v1/queue/\(verb)"]
                    ).status == 200)
            }
            let events = try await server.store.events(uid: Self.owner.uid, since: 0, limit: 10)
            #expect(events.map(\.kind) == [.submitted, .failed, .retried, .paused, .resumed])
            #expect(events.map(\.actor) == [Self.owner.uid] + Array(repeating: Self.administrator, count: 4))
            #expect(events.map(\.job) == [job.id, job.id, job.id, nil, nil])

            // Another user sees events that concern all users, and nothing of the job.
            let others = try await server.store.events(uid: Self.other, since: 0, limit: 10)
            #expect(others.map(\.kind) == [.paused, .resumed])

            let all = ["--head", "http://localhost/v1/events?all=true"]
            #expect(try await ask(server, as: Self.administrator, all).status == 200)
            #expect(try await ask(server, as: Self.other, all).status == 403)
        }
    }

    @Test(
        "an administrator's views and fetches are in the owner's events, once an hour for each job; those of own jobs are not"
    )
    func looks() async throws {
        try await run { server in
            let job = try await server.finished(owner: Self.owner)
            let own = try await server.submit(owner: User(uid: Self.administrator, name: "admin"))
            for _ in 0..<2 {
                for path in ["", "/calls", "/images/1", "?wait=1"] {
                    let url = "http://localhost/v1/jobs/\(job.id)\(path)"
                    let reply = try await ask(server, as: Self.administrator, ["--output", "/dev/null", url])
                    #expect(reply.status == 200, "\(path)")
                }
                _ = try await ask(server, as: Self.administrator, ["http://localhost/v1/jobs/\(own.id)"])
                _ = try await ask(server, as: Self.administrator, ["http://localhost/v1/jobs?all=true"])
                _ = try await ask(server, as: Self.owner.uid, ["http://localhost/v1/jobs/\(job.id)"])
                _ = try await ask(server, as: Self.other, ["http://localhost/v1/jobs/\(job.id)"])
            }
            let events = try await server.store.events(uid: Self.owner.uid, since: 0, limit: 100).suffix(2)
            #expect(events.map(\.kind) == [.viewed, .fetched])
            #expect(events.allSatisfy { $0.actor == Self.administrator && $0.job == job.id && $0.state == .done })
            let mine = try await server.store.events(uid: Self.administrator, since: 0, limit: 100)
            #expect(mine.map(\.kind) == [.submitted])
            // A list counts as a view, too.
            let second = try await server.submit(owner: Self.owner)
            _ = try await ask(server, as: Self.administrator, ["http://localhost/v1/jobs?all=true"])
            let last = try #require(try await server.store.events(uid: Self.owner.uid, since: 0, limit: 100).last)
            #expect(last.kind == .viewed && last.job == second.id)
        }
    }

    @Test("a paused queue shows since when and by whom, and a former administrator cannot resume it")
    func paused() async throws {
        try await run { server in
            #expect(
                try await ask(server, as: Self.administrator, ["-X", "POST", "http://localhost/v1/queue/pause"])
                    .status == 200)
            let queue = try JSONDecoder().decode(
                QueueDocument.self,
                from: Data(try await ask(server, as: Self.other, ["http://localhost/v1/queue"]).body.utf8))
            #expect(
                queue.paused
                    == .init(
                        since: WireTime(TestServer.now), by: "\(Self.administrator)", uid: Self.administrator))
            var settings = ControlServer.Settings(
                catalog: ModelCatalog(offering: ["m"]), administrators: .init(only: [Self.other]),
                admitsUnknownUsers: true)
            settings.shutdownGrace = .seconds(1)
            server.reload(settings)
            let resume = ["-X", "POST", "http://localhost/v1/queue/resume"]
            #expect(try await ask(server, as: Self.administrator, resume).status == 403)
            #expect(try await ask(server, as: Self.other, resume).status == 200)
        }
    }

    /// The job that the row's route needs: one of the owner's in a suitable state. Empty for a route without a job.
    private func job(for route: String, _ server: TestServer) async throws -> String {
        if route.contains("{uid}") {
            try await server.store.recordOwner(User(uid: Self.reused, name: "before"))
            _ = try await server.store.recognize(Self.reused, as: "after")
        }
        guard route.contains("{id}") else { return "" }
        let picture = try await server.archived(SamplePictures.png)
        try await server.store.addInput(picture, owner: Self.owner)
        var draft = EditRequest.Draft()
        draft.prompt = "make it blue"
        draft.image = .content(picture.hash)
        let request = try draft.validated(defaultModel: "m", drawSeed: { 1 }).get()
        guard case .created(let job) = try await server.store.submit(.init(owner: Self.owner, request: request)) else {
            throw Unexpected()
        }
        switch route {
        case "POST /v1/jobs/{id}/cancel": break
        case "POST /v1/jobs/{id}/retry": _ = try await server.store.cancel(job.id, uid: Self.owner.uid)
        default:
            // Jobs left from earlier cells must not be claimed instead.
            let admin = Caller(uid: Self.administrator, name: "admin", isAdministrator: true)
            let query = JobQuery(state: .queued, limit: 100, everybody: true)
            for queued in try await server.store.jobs(query, for: admin).jobs where queued.id != job.id {
                _ = try await server.store.cancel(queued.id, by: admin)
            }
            try await server.answer(job)
        }
        return "\(job.id)"
    }

    private func arguments(_ route: String, id: String, _ server: TestServer) throws -> [String] {
        let parts = route.split(separator: " ")
        let url =
            "http://localhost"
            + parts[1].replacing("{id}", with: id).replacing("{index}", with: "1")
            .replacing("{uid}", with: "\(Self.reused)")
        switch route {
        case "PUT /v1/inputs":
            let file = server.directory.path("input.png")
            try Data(SamplePictures.png.bytes).write(to: URL(filePath: file))
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            // The client waits before it sends the body, so that it can read an immediate refusal.
            return ["-H", "Expect: 100-continue", "-T", file, url]
        case "POST /v1/jobs":
            return ["--json", #"{"request": {"prompt": "a", "image": "\#(TestServer.link)"}}"#, url]
        case "POST /v1/jobs/forget": return ["--json", #"{"label": "of nobody's job"}"#, url]
        // Only the head: the stream has no end.
        case "GET /v1/events": return ["--head", url]
        default: return ["-X", String(parts[0]), url, "--output", "-"]
        }
    }
}
