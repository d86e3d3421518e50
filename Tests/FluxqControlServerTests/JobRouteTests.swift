import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("The routes of jobs", .timeLimit(.minutes(30)))
struct JobRouteTests {
    @Test("another user's job, a missing one and an invalid number get the same answer, byte for byte")
    func noSuchJob() async throws {
        try await TestServer.run { server in
            let foreign = try await server.finished(owner: TestServer.somebodyElse)
            let numbers = [
                "\(foreign.id)", "99", "0", "-1", "9223372036854775807", "9223372036854775808", "abc", "01", "1.0",
                "+1",
                "%31", "1%20",
            ]
            let routes: [(HTTPMethod, String)] = [
                (.GET, ""), (.GET, "?wait=1"), (.POST, "/cancel"), (.POST, "/retry"), (.GET, "/images/1"),
                (.GET, "/input"),
            ]
            for (method, rest) in routes {
                var answers: Set<[UInt8]> = []
                for number in numbers {
                    let reply = try await server.send(method, "/v1/jobs/\(number)\(rest)")
                    #expect(reply.status == 404, "\(method) \(number)\(rest)")
                    #expect(try reply.problem.code == .noSuchJob)
                    #expect(reply.headers.map(\.name) == ["Content-Type", "Content-Length"])
                    answers.insert(reply.body)
                }
                #expect(answers.count == 1)
            }
            let untouched = try await server.store.job(foreign.id, uid: TestServer.somebodyElse.uid)
            #expect(untouched.map { JobState($0.lifecycle.state) } == .done)
        }
    }

    @Test("a done job shows its pictures")
    func done() async throws {
        try await TestServer.run { server in
            let job = try await server.finished()
            let document: JobDocument = try await server.get("/v1/jobs/\(job.id)").document()
            #expect(document.state == "done" && document.attempts == 1)
            #expect(document.images.map(\.index) == [1])
            #expect(document.images.map(\.mediaType) == ["image/png"])
        }
    }

    @Test("the list has only the caller's jobs, newest first, in pages")
    func pages() async throws {
        try await TestServer.run { server in
            for _ in 1...5 { _ = try await server.submit() }
            _ = try await server.submit(owner: TestServer.somebodyElse)
            var seen: [Int64] = []
            var next: Int64? = 1000
            while let before = next {
                let page: JobPage = try await server.get("/v1/jobs?limit=2&before=\(before)").document()
                #expect(page.jobs.count <= 2)
                seen += page.jobs.map(\.id)
                next = page.next
            }
            #expect(seen == [5, 4, 3, 2, 1])
            let exact: JobPage = try await server.get("/v1/jobs?limit=5").document()
            #expect(exact.jobs.count == 5 && exact.next == nil)
        }
    }

    @Test("a page of jobs with long texts ends early, after at least one job, and the next one continues")
    func longTexts() async throws {
        try await TestServer.run { server in
            // Two of the long ones fit on a page, or one of those that JSON makes twice as long.
            let long = String(repeating: "a", count: 32_000)
            let longest = String(repeating: #"\""#, count: EditRequest.Bounds.promptBytes)
            for prompt in [long, longest, long, long] {
                let reply = try await server.post(
                    #"{"request": {"prompt": "\#(prompt)", "negative_prompt": "\#(prompt)", "image": "https://x.org/1"}}"#
                )
                #expect(reply.status == 201)
            }
            var pages: [[Int64]] = []
            var next: Int64? = 1000
            while let before = next {
                let page: JobPage = try await server.get("/v1/jobs?before=\(before)").document()
                pages.append(page.jobs.map(\.id))
                next = page.next
            }
            #expect(pages == [[4, 3], [2], [1]])
        }
    }

    @Test("the list is narrowed by state and label")
    func filters() async throws {
        try await TestServer.run { server in
            let done = try await server.finished()
            let labelled = try await server.submit(label: "a b&c")
            func ids(_ query: String) async throws -> [Int64] {
                try await server.get("/v1/jobs?\(query)").document(JobPage.self).jobs.map(\.id)
            }
            #expect(try await ids("state=done") == [done.id.rawValue])
            #expect(try await ids("state=queued") == [labelled.id.rawValue])
            #expect(try await ids("state=running").isEmpty)
            #expect(try await ids("label=a%20b%26c") == [labelled.id.rawValue])
            #expect(try await ids("label=a%20b%26c&state=done").isEmpty)
        }
    }

    @Test("a bad query is refused with every parameter named")
    func badQueries() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            let cases = [
                ("/v1/jobs?state=sleeping&limit=0&before=x&all=1", ["state", "limit", "before", "all"]),
                ("/v1/jobs?limit=501", ["limit"]), ("/v1/jobs?limit=-1", ["limit"]), ("/v1/jobs?before=0", ["before"]),
                ("/v1/jobs?state=done&state=failed", ["state"]), ("/v1/jobs?state", ["state"]),
                ("/v1/jobs?label=\(String(repeating: "a", count: 201))", ["label"]),
                ("/v1/jobs/\(job.id)?wait=-1", ["wait"]), ("/v1/jobs/\(job.id)?wait=301", ["wait"]),
                ("/v1/jobs/\(job.id)?wait=soon&x=1", ["wait", "x"]), ("/v1/events?since=-1", ["since"]),
                ("/v1/queue?all=true", ["all"]), ("/v1/jobs/\(job.id)/input?x", ["x"]),
            ]
            for (path, names) in cases {
                let reply = try await server.get(path)
                #expect(reply.status == 400, "\(path)")
                let problem = try reply.problem
                #expect(problem.code == .badRequest)
                #expect(Set(problem.fields?.map(\.field) ?? []) == Set(names), "\(path)")
                for name in names { #expect(problem.detail.contains("\(name) ")) }
            }
            #expect(try await server.get("/v1/queue?all=true").problem.detail.contains("all is not supported"))
        }
    }

    @Test("cancel ends a queued job, marks a running one, and is refused for an ended one")
    func cancel() async throws {
        try await TestServer.run { server in
            let queued = try await server.submit()
            let canceled: JobDocument = try await server.send(.POST, "/v1/jobs/\(queued.id)/cancel").document()
            #expect(canceled.state == "failed" && canceled.reason == "canceled")
            let again = try await server.send(.POST, "/v1/jobs/\(queued.id)/cancel")
            #expect(again.status == 409)
            #expect(try again.problem.code == .conflict)
            #expect(try again.problem.detail.contains("is failed"))

            let running = try await server.submit()
            _ = try await server.claim()
            let marked: JobDocument = try await server.send(.POST, "/v1/jobs/\(running.id)/cancel").document()
            #expect(marked.state == "running" && marked.cancelRequested == true)
        }
    }

    @Test("retry requeues a failed job under its number, and is refused for any other")
    func retry() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            #expect(try await server.send(.POST, "/v1/jobs/\(job.id)/retry").status == 409)
            #expect(try await server.send(.POST, "/v1/jobs/\(job.id)/cancel").status == 200)
            let retried: JobDocument = try await server.send(.POST, "/v1/jobs/\(job.id)/retry").document()
            #expect(retried.id == job.id.rawValue && retried.state == "queued")
            try await server.answer(job)
            let refusal = try await server.send(.POST, "/v1/jobs/\(job.id)/retry")
            #expect(refusal.status == 409)
            #expect(try refusal.problem.detail.contains("is done"))
        }
    }

    @Test("HEAD answers as GET does, without the body")
    func head() async throws {
        try await TestServer.run { server in
            let job = try await server.finished()
            for path in [
                "/v1/jobs", "/v1/jobs/\(job.id)", "/v1/jobs/\(job.id)/images/1", "/v1/queue", "/v1/jobs/77", "/x",
            ] {
                let get = try await server.get(path)
                let head = try await server.send(.HEAD, path)
                #expect(head.status == get.status)
                #expect(head.headers.map { "\($0)" } == get.headers.map { "\($0)" })
                #expect(head.body.isEmpty)
            }
            #expect(try await server.send(.HEAD, "/v1/events").status == 200)
        }
    }

    @Test(
        "an unknown route is reported",
        arguments: [
            "/", "/v1", "/v1/", "/v1/jobs/", "//v1/jobs", "/v1/jobs/1/", "/v1/jobs/1/images", "/v1/jobs//cancel",
            "/v2/jobs",
            "/v1/queue/stop", "/v1/jobs/../queue",
        ])
    func noRoute(path: String) async throws {
        try await TestServer.run { server in
            for method in [HTTPMethod.GET, .POST] {
                let reply = try await server.send(method, path)
                #expect(reply.status == 404)
                #expect(try reply.problem.code == .noSuchRoute)
            }
        }
    }

    @Test(
        "a route lists its methods",
        arguments: [
            (.DELETE, "/v1/jobs", "POST, GET, HEAD"), (.GET, "/v1/inputs", "PUT"), (.POST, "/v1/queue", "GET, HEAD"),
            (.GET, "/v1/jobs/1/cancel", "POST"), (.PUT, "/v1/jobs/1", "GET, HEAD"),
            (.PROPFIND, "/v1/events", "GET, HEAD"), (.GET, "/v1/jobs/forget", "POST"),
            (.OPTIONS, "/v1/jobs/forget", "POST"),
        ] as [(HTTPMethod, String, String)])
    func wrongMethod(method: HTTPMethod, path: String, allowed: String) async throws {
        try await TestServer.run { server in
            let reply = try await server.send(method, path)
            #expect(reply.status == 405)
            #expect(reply.headers.first(name: "allow") == allowed)
            #expect(try reply.problem.code == .methodNotAllowed)
        }
    }

    @Test("the queue shows the caller's counts and what holds all users")
    func queue() async throws {
        try await TestServer.run { server in
            _ = try await server.submit(owner: TestServer.somebodyElse)
            let empty: QueueDocument = try await server.get("/v1/queue").document()
            #expect(empty.counts == .init(queued: 0, running: 0, done: 0, failed: 0))
            #expect(
                empty.lanes.allSatisfy({ $0.state == "running" }) && empty.paused == nil && empty.usage.imagesToday == 0
            )

            let claim = try await server.claim()
            _ = try await server.store.record(
                CallReport(outcome: .notSent(message: "No route to host.")), of: claim)
            _ = try await server.submit()
            let held: QueueDocument = try await server.get("/v1/queue").document()
            #expect(held.counts.queued == 1)
            #expect(held.lanes.first?.cause == "unreachable" && held.lanes.first?.message == "No route to host.")
        }
    }

    @Test("an internal error shows nothing of itself to the caller and everything in the log")
    func fault() async throws {
        try await TestServer.run { server in
            let job = try await server.finished()
            let hash = try await server.get("/v1/jobs/\(job.id)").document(JobDocument.self).images[0].hash
            let stored = try #require(ContentHash(wire: hash))
            _ = try await server.archive.remove(stored, olderThan: .zero)
            // A directory in place of the file, which the daemon cannot repair.
            try FileManager.default.createDirectory(
                atPath: server.directory.path("objects/sha256/\(stored.hex.prefix(2))/\(stored.hex)"),
                withIntermediateDirectories: false)
            let reply = try await server.get("/v1/jobs/\(job.id)/images/1")
            #expect(reply.status == 500)
            let problem = try reply.problem
            #expect(problem == .failed && !problem.detail.contains(stored.hex))
            #expect(server.log.text.contains("error A request failed.") && server.log.text.contains(stored.hex))
        }
    }
}
