import FluxqControl
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Testing

@testable import FluxqControlServer

@Suite("GET /v1/usage, and limits in other answers")
struct UsageTests {
    private static let body = #"{"request": {"prompt": "a", "image": "\#(TestServer.link)", "n": 2, "model": "m"}}"#

    private static var policy: StorePolicy {
        var policy = StorePolicy()
        policy.prices = ["m": .init(micros: 80_000, currency: "USD")]
        policy.limits.standard[.imagesPerDay] = 3
        policy.limits.standard[.spendPerDay] = 1_000_000
        return policy
    }

    @Test("concurrent uploads cannot exceed the limit of the archive")
    func uploads() async throws {
        let samples = SamplePictures.all
        var policy = StorePolicy()
        let limit = Int64(samples.map(\.bytes.count).max() ?? 0) + 100
        policy.limits.standard[.unusedInputBytes] = limit
        try await TestServer.run(policy: policy) { server in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for sample in samples { group.addTask { try await server.put(sample.bytes).status } }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(Set(statuses) == [200, 429])
            // Refused uploads are not in the archive either.
            let kept = try server.files(in: "objects")
            #expect(kept.count == statuses.count { $0 == 200 })
            let usage = try await server.store.usage(of: TestServer.me).use
            #expect(usage.unusedInputBytes > 0 && usage.unusedInputBytes <= limit)
        }
    }

    @Test("the API's answer to one user's call is shown to administrators only", arguments: [true, false])
    func held(isAdministrator: Bool) async throws {
        try await TestServer.run(settings: {
            $0.administrators = .init(only: isAdministrator ? [TestServer.uid] : [])
        }) { server in
            #expect(
                try await server.post(#"{"request": {"prompt": "a", "image": "\#(TestServer.link)"}}"#).status == 201)
            let claim = try await server.claim()
            let report = CallReport(outcome: .accountClosed(APIError(message: "The prompt of eve costs too much.")))
            _ = try await server.store.record(report, of: claim)
            let queue: QueueDocument = try await server.get("/v1/queue").document()
            #expect(queue.lanes.first?.cause == "account" && queue.lanes.first?.message?.isEmpty == false)
            #expect(queue.lanes.first?.message?.contains("eve") == isAdministrator)
        }
    }

    @Test("shows what the caller has used, what it cost and what is left, as the queue does")
    func own() async throws {
        try await TestServer.run(policy: Self.policy) { server in
            #expect(try await server.post(Self.body).status == 201)
            _ = try await server.claim()
            let usage: UsageDocument = try await server.get("/v1/usage").document()
            #expect(usage.uid == TestServer.uid && usage.currency == "USD" && usage.imagesToday == 0)
            #expect(usage.today.imagesReserved == 2 && usage.today.spendReserved == 0.16)
            #expect(usage.limits["images_per_day"]?.limit == 3 && usage.limits["images_per_day"]?.left == 1)
            #expect(usage.limits["spend_per_day"]?.left == 0.84)
            #expect(usage.limits["spend_per_day"]?.renewedAt == WireTime(UTCDay(TestServer.now).next.start))
            #expect(usage.limits["queued_jobs"]?.limit == nil && usage.limits["queued_jobs"]?.used == 0)
            let queue: QueueDocument = try await server.get("/v1/queue").document()
            #expect(queue.usage.limits == usage.limits)
        }
    }

    @Test("all users' usage is for administrators")
    func all() async throws {
        try await TestServer.run(policy: Self.policy) { server in
            _ = try await server.submit(owner: TestServer.somebodyElse)
            let refused = try await server.get("/v1/usage?all=true")
            #expect(refused.status == 403)
            #expect(try refused.problem.code == .notAllowed)
            #expect(try await server.get("/v1/usage?all=false").status == 200)
            #expect(try await server.get("/v1/usage?all=yes").status == 400)
        }
        try await TestServer.run(
            policy: Self.policy, settings: { $0.administrators = Administrators(only: [TestServer.uid]) }
        ) { server in
            _ = try await server.submit(owner: TestServer.somebodyElse)
            let list: UsageList = try await server.get("/v1/usage?all=true").document()
            #expect(list.users.map(\.uid) == [TestServer.somebodyElse.uid])
            #expect(list.users.first?.limits["queued_jobs"]?.used == 1)
        }
    }

    @Test("a job that waits for a limit shows which, how far it is used and when it is renewed")
    func waiting() async throws {
        try await TestServer.run(policy: Self.policy) { server in
            for _ in 0..<2 { #expect(try await server.post(Self.body).status == 201) }
            let first: JobDocument = try await server.get("/v1/jobs/1").document()
            #expect(first.waiting == "ready" && first.place == 1 && first.limit == nil)
            _ = try await server.claim()
            let second: JobDocument = try await server.get("/v1/jobs/2").document()
            #expect(second.waiting == "user_limit" && second.place == nil)
            #expect(second.limit?.name == "images_per_day" && second.limit?.used == 2 && second.limit?.asked == 2)
            #expect(second.limit?.renewedAt == WireTime(UTCDay(TestServer.now).next.start))
            #expect(
                second.message?.hasPrefix(
                    "The limit of images a day is 3 (limits.images_per_day); used or set aside: 2, wanted: 2. "
                        + "It is renewed at ") == true)
        }
    }

    @Test("a job that could never run is refused with 429 and what to do")
    func never() async throws {
        try await TestServer.run(policy: Self.policy) { server in
            let reply = try await server.post(Self.body.replacing("\"n\": 2", with: "\"n\": 4"))
            #expect(reply.status == 429)
            #expect(
                try reply.problem.detail
                    == "The limit of images a day is 3 (limits.images_per_day); used or set aside: 0, "
                    + "wanted: 4. This request alone exceeds the limit. Ask for less, or ask an administrator to "
                    + "raise the limit. Nothing was queued.")
        }
    }

    @Test("an input over the user's limit is refused and nothing of it is kept, with PUT as within a job")
    func inputs() async throws {
        var policy = StorePolicy()
        policy.limits.standard[.inputBytes] = 10
        try await TestServer.run(policy: policy) { server in
            let reply = try await server.put(SamplePictures.png.bytes)
            #expect(reply.status == 429)
            #expect(try reply.problem.limit?.name == "input_bytes")
            #expect(try server.files(in: "objects").isEmpty)
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }
}
