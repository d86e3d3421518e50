import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Testing

@testable import FluxqWorkers

@Suite("The workers with two endpoints", .timeLimit(.minutes(30)))
struct EndpointTests {
    private static let other = "other"
    private static let no = CallReport(outcome: .rejected(APIError(message: "no")))

    /// The default endpoint offers model `a`, the other one `b`.
    private static func fixture(concurrency: (Int, Int)) throws -> WorkersFixture {
        try WorkersFixture(
            endpoints: [other],
            policy: {
                $0.catalog = ModelCatalog(
                    endpoints: [
                        .init(name: Lane.defaultEndpoint, models: ["a"], concurrency: concurrency.0),
                        .init(name: other, models: ["b"], concurrency: concurrency.1),
                    ], defaultModel: "a")
            })
    }

    @Test("give each endpoint its own number of concurrent calls, and call each job where its model is offered")
    func concurrency() async throws {
        let fixture = try Self.fixture(concurrency: (1, 2))
        let other = try #require(fixture.apis[Self.other])
        for number in 0..<6 {
            try await fixture.submit("a\(number)", model: "a")
            try await fixture.submit("b\(number)", model: "b")
        }
        try await fixture.run { _ in
            // All places of both are taken, independent of each other.
            var slow = try #require(await fixture.api.nextCall())
            var first = try #require(await other.nextCall())
            var second = try #require(await other.nextCall())
            for number in 0..<6 {
                #expect(slow.prompt == "a\(number)")
                slow.answer(Self.no)
                if number < 5 { slow = try #require(await fixture.api.nextCall()) }
            }
            for number in stride(from: 0, to: 6, by: 2) {
                #expect(Set([first.prompt, second.prompt]) == ["b\(number)", "b\(number + 1)"])
                first.answer(Self.no)
                second.answer(Self.no)
                guard number < 4 else { break }
                first = try #require(await other.nextCall())
                second = try #require(await other.nextCall())
            }
        }
        #expect(fixture.api.mostInFlight == 1 && other.mostInFlight == 2)
        #expect(try await fixture.store.queue(of: WorkersFixture.alice).counts[.failed] == 12)
    }

    @Test("hold the failing endpoint, and serve all jobs of the other meanwhile")
    func outage() async throws {
        let fixture = try Self.fixture(concurrency: (2, 2))
        let other = try #require(fixture.apis[Self.other])
        let held = [try await fixture.submit("a0", model: "a"), try await fixture.submit("a1", model: "a")]
        var served: [JobID] = []
        for number in 0..<5 { served.append(try await fixture.submit("b\(number)", model: "b")) }
        let jobs = served
        try await fixture.run { _ in
            let calls = [try #require(await fixture.api.nextCall()), try #require(await fixture.api.nextCall())]
            for call in calls { call.answer(CallReport(outcome: .notSent(message: "no route to host"))) }
            for _ in jobs { try #require(await other.nextCall()).answer(Self.no) }
            for id in jobs { _ = try await fixture.end(of: id) }
            let lanes = (
                out: try await fixture.store.gate(of: Lane(endpoint: Lane.defaultEndpoint, model: "a")),
                running: try await fixture.store.gate(of: Lane(endpoint: Self.other, model: "b"))
            )
            #expect(lanes.out.hold?.cause == .unreachable && lanes.running.hold == nil)
            for id in held {
                let job = try #require(try await fixture.store.job(id, uid: WorkersFixture.alice.uid))
                #expect(JobState(job.lifecycle.state) != .failed)
            }
        }
    }
}
