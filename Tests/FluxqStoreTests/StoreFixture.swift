import FluxqModel
import FluxqTestSupport
import GRDB
import Synchronization

@testable import FluxqStore

/// A real database in a directory of its own, with a clock that only the test moves.
final class StoreFixture: Sendable {
    static let alice = User(uid: 1000, name: "alice")
    static let bob = User(uid: 1001, name: "bob")
    /// The lane of all jobs that name no other model.
    static let lane = Lane(endpoint: Lane.defaultEndpoint, model: "m")

    private final class Clock: Sendable {
        let time = Mutex(Timestamp(secondsSinceEpoch: 1_750_000_000))
    }

    let directory: TemporaryDirectory
    let store: Store
    private let clock = Clock()

    init(_ change: (inout StorePolicy) -> Void = { _ in }) throws {
        directory = try TemporaryDirectory()
        var policy = StorePolicy()
        // Enough concurrency for any number of claims in a test.
        policy.catalog.endpoints[0].concurrency = 1000
        change(&policy)
        store = try Store(
            path: directory.path("queue.sqlite"), policy: policy, now: { [clock] in clock.time.withLock { $0 } })
    }

    var path: String { directory.path("queue.sqlite") }

    var now: Timestamp { clock.time.withLock { $0 } }

    func pass(_ duration: Duration) {
        clock.time.withLock { $0 = $0 + duration }
    }

    static func request(n: Int? = nil, model: String = "m", image: EditRequest.Image? = nil) -> EditRequest {
        var draft = EditRequest.Draft()
        draft.prompt = "make it rain"
        draft.n = n
        draft.image = image
        switch draft.validated(defaultModel: model, drawSeed: { 7 }) {
        case .success(let request): return request
        case .failure(let invalid): preconditionFailure("\(invalid)")
        }
    }

    /// Queues a job and returns its number.
    @discardableResult
    func submit(
        owner: User = alice, n: Int? = nil, model: String = "m", priority: Int = 0, notBefore: Timestamp? = nil,
        onUnknown: OnUnknown = .fail
    ) async throws -> JobID {
        let submission = try await store.submit(
            .init(
                owner: owner, request: Self.request(n: n, model: model), priority: priority, notBefore: notBefore,
                onUnknown: onUnknown))
        guard case .created(let job) = submission else { throw Unexpected(what: "\(submission)") }
        return job.id
    }

    func gate(_ lane: Lane = lane) async throws -> LaneGate { try await store.gate(of: lane) }

    func claim() async throws -> Claim {
        let result = try await store.claim()
        guard case .claimed(let claim) = result else { throw Unexpected(what: "\(result)") }
        return claim
    }

    enum End { case billed, notBilled, unknown }

    /// Ends a call: with as many pictures as requested, refused, or with an unknown outcome.
    func end(_ claim: Claim, _ end: End) async throws {
        switch end {
        case .billed:
            let wanted = claim.request.imagesWanted
            let pictures = try Array(repeating: NewPicture.saved(Self.stored()), count: wanted)
            _ = try await store.record(Self.answered(wanted), of: claim, pictures: pictures)
        case .notBilled:
            _ = try await store.record(CallReport(outcome: .rejected(APIError(message: "no"))), of: claim)
        case .unknown:
            _ = try await store.record(CallReport(outcome: .unknown(APIError(message: "who knows"))), of: claim)
        }
    }

    func claimAndAnswer() async throws -> Claim {
        let claim = try await claim()
        try await end(claim, .billed)
        return claim
    }

    func claimAndReject() async throws -> Claim {
        let claim = try await claim()
        try await end(claim, .notBilled)
        return claim
    }

    /// Queues jobs, many per commit; those of one owner in their order.
    func submitAll(_ orders: [Store.Order]) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for order in orders { group.addTask { _ = try await self.store.submit(order) } }
        }
    }

    /// SQLite's plan for a query.
    func plan(_ sql: String) throws -> String {
        try DatabaseQueue(path: path).read { db in
            try GRDB.Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql).map { $0["detail"] as String }.joined(
                separator: "; ")
        }
    }

    /// The steps of SQLite's program for a query.
    func steps(_ sql: String) throws -> [String] {
        try DatabaseQueue(path: path).read { db in
            let arguments = StatementArguments(repeatElement(1, count: sql.count { $0 == "?" }))
            return try GRDB.Row.fetchAll(db, sql: "EXPLAIN " + sql, arguments: arguments).map { $0["opcode"] as String }
        }
    }

    func job(_ id: JobID, owner: User = alice) async throws -> Job {
        guard let job = try await store.job(id, uid: owner.uid) else { throw Unexpected(what: "no job \(id)") }
        return job
    }

    static func stored(_ digit: Character = "a") throws -> StoredPicture {
        guard let hash = ContentHash(hex: String(repeating: digit, count: 64)) else {
            throw Unexpected(what: "\(digit)")
        }
        return StoredPicture(hash: hash, mediaType: "image/png", width: 640, height: 480, bytes: 1234)
    }

    static func answered(_ links: Int) -> CallReport {
        CallReport(
            outcome: .answered(
                Answer(
                    created: Timestamp(secondsSinceEpoch: 1_750_000_000), usage: "{}", requestID: "req-1",
                    items: (0..<links).map { AnswerItem(link: "https://example.org/\($0).png") })),
            sentAt: Timestamp(secondsSinceEpoch: 1_750_000_000), status: 200)
    }

    /// Links that expire one after the other, a week from now.
    func links(_ count: Int) -> [NewPicture] {
        (0..<count).map { .link("https://example.org/\($0).png", deadline: now + .seconds(7 * 86_400 + $0)) }
    }

    func duePictures() async throws -> [PendingPicture] {
        try await store.duePictures(limit: 100).due
    }

    /// Runs a query without the store, on a separate connection.
    func query<Value: DatabaseValueConvertible & Sendable>(_ type: Value.Type, _ sql: String) throws -> Value? {
        try DatabaseQueue(path: path).read { db in try Value.fetchOne(db, sql: sql) }
    }

    struct Unexpected: Error {
        let what: String
    }
}
