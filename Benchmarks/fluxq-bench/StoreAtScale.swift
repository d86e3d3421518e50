import FluxqModel
import FluxqStore
import Glibc

/// What a claim and the queries of `fluxq status` take with few and with many jobs queued: the job database alone.
enum StoreAtScale {
    private static let owner = Owner(uid: 1000, name: "bench")
    /// Submits at once, so that each commit holds many.
    private static let submitters = 512

    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        let store = try Store(path: work.path("queue.sqlite"), now: now)
        var figures: [Figure] = []
        var jobs = 0
        for wanted in scale.storeJobs {
            try await submit(wanted - jobs, to: store)
            jobs = wanted
            let size = "\(wanted) jobs queued"
            let claims = try await timeClaims(store, count: scale.storeSamples)
            let overviews = try await timeOverviews(store, count: scale.storeSamples)
            figures += [
                Figure(name: "claim, \(size), median", value: claims.median, unit: "ms", note: "durable: one fsync"),
                Figure(name: "claim, \(size), 99th percentile", value: claims.percentile99, unit: "ms"),
                Figure(
                    name: "status's queries, \(size), median", value: overviews.median, unit: "ms",
                    note: "the queue and each state's newest jobs"),
                Figure(name: "status's queries, \(size), 99th percentile", value: overviews.percentile99, unit: "ms"),
            ]
        }
        try store.close()
        return figures
    }

    private static func submit(_ count: Int, to store: Store) async throws {
        let order = Store.Order(owner: owner, request: try request())
        try await withThrowingDiscardingTaskGroup { group in
            for first in 0..<submitters {
                group.addTask {
                    for _ in stride(from: first, to: count, by: submitters) { _ = try await store.submit(order) }
                }
            }
        }
    }

    /// Each job that is claimed is also ended, so that the next claim finds as few running as a daemon would.
    private static func timeClaims(_ store: Store, count: Int) async throws -> Samples {
        var times: [Duration] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            let result = try await store.claim()
            times.append(.now - start)
            guard case .claimed(let claim) = result else { throw Failure("there was nothing to claim") }
            let report = CallReport(outcome: .rejected(APIError(message: "measured")), sentAt: now(), status: 400)
            _ = try await store.record(report, of: claim)
        }
        return try Samples(times)
    }

    private static func timeOverviews(_ store: Store, count: Int) async throws -> Samples {
        var times: [Duration] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            _ = try await store.queue(uid: owner.uid)
            for state in JobState.allCases {
                let limit = state == .queued || state == .running ? 20 : 5
                _ = try await store.jobs(JobQuery(state: state, limit: limit), for: Caller(owner))
            }
            times.append(.now - start)
        }
        return try Samples(times)
    }

    private static func request() throws -> EditRequest {
        var draft = EditRequest.Draft()
        draft.prompt = "Convert to quick pencil sketch"
        draft.image = .link("https://example.org/photograph.jpg")
        return try draft.validated(defaultModel: EditRequest.modelThatRequiresImage, drawSeed: { 7 }).get()
    }

    @Sendable private static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(rawValue: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
