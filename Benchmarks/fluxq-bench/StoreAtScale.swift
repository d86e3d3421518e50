import FluxqModel
import FluxqStore
import Glibc

/// The times of a submit, a claim and the queries of `fluxq status`, with the job database alone. They are measured
/// with few and with many queued jobs, of one user and of many, some of whom are at their limits.
enum StoreAtScale {
    private static let owner = User(uid: 1000, name: "bench")
    /// The number of concurrent submits, so that each commit has many.
    private static let submitters = 512

    /// Users who are always at their limit.
    private static let locked = (0..<1000).map { User(uid: UInt32(10_000 + $0), name: "locked\($0)") }
    private static let crowd = (0..<1000).map { User(uid: UInt32(20_000 + $0), name: "user\($0)") }

    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        var policy = StorePolicy()
        for owner in locked {
            var exception = LimitRules.Exception()
            exception[.imagesPerDay] = 1
            policy.limits.users[owner.uid] = exception
        }
        let store = try Store(path: work.path("queue.sqlite"), policy: policy, now: { .now() })
        var figures: [Figure] = []
        var jobs = 0
        for wanted in scale.storeJobs {
            try await submit(wanted - jobs, of: [owner], to: store)
            jobs = wanted
            let size = "\(wanted) jobs queued"
            let claims = try await timeClaims(store, count: scale.storeSamples)
            let overviews = try await timeOverviews(store, count: scale.storeSamples)
            let submits = try await timeSubmits(store, count: scale.storeSamples)
            let places = try await timePlaces(store, count: scale.storeSamples)
            figures += [
                Figure(name: "submit, \(size), median", value: submits.median, unit: "ms", note: "durable: one fsync"),
                Figure(name: "submit, \(size), 99th percentile", value: submits.percentile99, unit: "ms"),
                Figure(name: "claim, \(size), median", value: claims.median, unit: "ms", note: "durable: one fsync"),
                Figure(name: "claim, \(size), 99th percentile", value: claims.percentile99, unit: "ms"),
                Figure(
                    name: "status's queries, \(size), median", value: overviews.median, unit: "ms",
                    note: "the queue and each state's newest jobs"),
                Figure(name: "status's queries, \(size), 99th percentile", value: overviews.percentile99, unit: "ms"),
                Figure(
                    name: "status of the last job, \(size), median", value: places.median, unit: "ms",
                    note: "its place is sought among the first 1000"),
                Figure(
                    name: "status of the last job, \(size), 99th percentile", value: places.percentile99, unit: "ms"),
            ]
        }
        figures += try await measureUsers(store, scale, "\(jobs) jobs queued")
        try store.close()
        return try await figures + measureLanes(scale, work)
    }

    /// Times the same claim with all jobs in one lane and in twenty, with few jobs and with many.
    private static func measureLanes(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        var figures: [Figure] = []
        for lanes in [1, 20] {
            let models = (0..<lanes).map { "model-\($0)" }
            var policy = StorePolicy()
            policy.catalog = ModelCatalog(
                endpoints: [.init(name: "many", models: models)], defaultModel: models[0])
            let store = try Store(path: work.path("\(lanes)-lanes.sqlite"), policy: policy, now: { .now() })
            var jobs = 0
            for wanted in scale.storeJobs {
                try await submit(wanted - jobs, of: [owner] + crowd.prefix(9), to: store, models: models)
                jobs = wanted
                let claims = try await timeClaims(store, count: scale.storeSamples)
                let size = "\(wanted) jobs queued in \(lanes) \(lanes == 1 ? "lane" : "lanes")"
                figures += [
                    Figure(name: "claim, \(size), median", value: claims.median, unit: "ms"),
                    Figure(name: "claim, \(size), 99th percentile", value: claims.percentile99, unit: "ms"),
                ]
            }
            try store.close()
        }
        return figures
    }

    /// Adds a thousand users with jobs, then a thousand whose jobs are blocked by their limits.
    private static func measureUsers(_ store: Store, _ scale: Scale, _ size: String) async throws -> [Figure] {
        var figures: [Figure] = []
        try await submit(crowd.count * 2, of: crowd, to: store)
        let many = try await timeClaims(store, count: scale.storeSamples)
        try await submit(locked.count * 2, of: locked, to: store)
        // Each of them gets its one picture, and its limit is noticed once.
        let uids = Set(locked.map(\.uid))
        guard let hash = ContentHash(hex: String(repeating: "a", count: 64)) else { throw Failure("no hash") }
        let picture = StoredPicture(hash: hash, mediaType: "image/png", width: 1, height: 1, bytes: 1)
        var answered: Set<UInt32> = []
        while answered.count < locked.count, case .claimed(let claim) = try await store.claim() {
            guard uids.contains(claim.uid) else {
                let report = CallReport(outcome: .rejected(APIError(message: .said("measured"))), sentAt: .now())
                _ = try await store.record(report, of: claim)
                continue
            }
            answered.insert(claim.uid)
            let report = CallReport(outcome: .answered(Answer(items: [.init(inline: 0)])), sentAt: .now())
            _ = try await store.record(report, of: claim, pictures: [.saved(picture)])
        }
        let limited = try await timeClaims(store, count: scale.storeSamples)
        let place = try await timePlaces(store, count: scale.storeSamples)
        for (who, claims) in [("of 1001 users", many), ("and 1000 users at their limits", limited)] {
            figures += [
                Figure(name: "claim, \(size) \(who), median", value: claims.median, unit: "ms"),
                Figure(name: "claim, \(size) \(who), 99th percentile", value: claims.percentile99, unit: "ms"),
            ]
        }
        figures.append(
            Figure(name: "status of the last job, \(size) of 1001 users, median", value: place.median, unit: "ms"))
        return figures
    }

    private static func submit(
        _ count: Int, of owners: [User], to store: Store, models: [String] = [EditRequest.modelThatRequiresImage]
    ) async throws {
        let requests = try models.map(request)
        try await withThrowingDiscardingTaskGroup { group in
            for first in 0..<submitters {
                group.addTask {
                    for number in stride(from: first, to: count, by: submitters) {
                        // Every owner has jobs of every model.
                        _ = try await store.submit(
                            .init(
                                owner: owners[number % owners.count],
                                request: requests[number / owners.count % requests.count]))
                    }
                }
            }
        }
    }

    /// Each claimed job is also ended, so that the number of running jobs stays as small as in a daemon.
    private static func timeClaims(_ store: Store, count: Int) async throws -> Samples {
        var times: [Duration] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            let result = try await store.claim()
            times.append(.now - start)
            guard case .claimed(let claim) = result else { throw Failure("there was nothing to claim") }
            let report = CallReport(
                outcome: .rejected(APIError(message: .said("measured"))), sentAt: .now(), status: 400)
            _ = try await store.record(report, of: claim)
        }
        return try Samples(times)
    }

    private static func timeSubmits(_ store: Store, count: Int) async throws -> Samples {
        let order = Store.Order(owner: owner, request: try request())
        var times: [Duration] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            _ = try await store.submit(order)
            times.append(.now - start)
        }
        return try Samples(times)
    }

    private static func timePlaces(_ store: Store, count: Int) async throws -> Samples {
        guard let last = try await store.jobs(JobQuery(state: .queued, limit: 1), for: Caller(owner)).jobs.first else {
            throw Failure("nothing is queued")
        }
        var times: [Duration] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            _ = try await store.job(last.id, for: Caller(owner))
            times.append(.now - start)
        }
        return try Samples(times)
    }

    private static func timeOverviews(_ store: Store, count: Int) async throws -> Samples {
        var times: [Duration] = []
        for _ in 0..<count {
            let start = ContinuousClock.now
            _ = try await store.queue(of: owner)
            for state in JobState.allCases {
                let limit = state == .queued || state == .running ? 20 : 5
                _ = try await store.jobs(JobQuery(state: state, limit: limit), for: Caller(owner))
            }
            times.append(.now - start)
        }
        return try Samples(times)
    }

    private static func request(_ model: String = EditRequest.modelThatRequiresImage) throws -> EditRequest {
        var draft = EditRequest.Draft()
        draft.prompt = "Convert to quick pencil sketch"
        draft.image = .link("https://example.org/photograph.jpg")
        return try draft.validated(by: ModelCatalog(offering: [model]), drawSeed: { 7 }).get()
    }

}
