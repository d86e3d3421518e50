import AsyncHTTPClient
import FluxqArchive
import FluxqFormats
import FluxqHost
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import Testing

@testable import FluxqControlServer
@testable import FluxqDoor

/// A control server with the OpenAI-compatible routes on a real socket, with a real store and archive, for one test. The
/// test itself makes the calls that the workers would make.
struct DoorServer: Sendable {
    static let uid = getuid()
    static let me = User(uid: uid, name: "me")
    /// The model of requests that name none; it needs no picture.
    static let model = "m"

    private final class Clock: Sendable {
        let time = Mutex(Timestamp(secondsSinceEpoch: 1_790_000_000))
        let elapsed = Mutex(Duration.zero)
    }

    let directory: TemporaryDirectory
    let store: Store
    let archive: LocalArchive
    let room: WaitingRoom
    let socketPath: String
    private let clock: Clock
    private let group: ServiceGroup

    static func run(
        policy change: (inout StorePolicy) -> Void = { _ in },
        door changeDoor: (inout Door.Settings) -> Void = { _ in },
        settings configure: (inout ControlServer.Settings) -> Void = { _ in },
        _ body: (DoorServer) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let clock = Clock()
        var policy = policy
        change(&policy)
        let store = try Store(
            path: directory.path("queue.sqlite"), policy: policy, now: { clock.time.withLock { $0 } })
        let archive = try LocalArchive(directory: directory.path)
        let socketPath = directory.path("control.sock")
        var settings = ControlServer.Settings(
            catalog: policy.catalog, administrators: .init(only: []), admitsUnknownUsers: true, drawSeed: { 4711 })
        configure(&settings)
        var door = Door.Settings()
        door.models = ["gpt-image-*": model]
        changeDoor(&door)
        let settingsOfDoor = Reloadable(door)
        let room = WaitingRoom(store: store, elapsed: { clock.elapsed.withLock { $0 } })
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = ControlServer(
            socket: try ListeningSocket.bind(path: socketPath).descriptor, store: store, archive: archive,
            settings: settings, users: users,
            logger: logger
        ) { routes in Door(routes, room, settings: settingsOfDoor) }
        let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
        let test = DoorServer(
            directory: directory, store: store, archive: archive, room: room, socketPath: socketPath, clock: clock,
            group: group)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            do {
                try await body(test)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        try store.close()
    }

    private static var policy: StorePolicy {
        var policy = StorePolicy()
        policy.catalog = ModelCatalog(
            offering: [model, EditRequest.modelThatRequiresImage], rules: [model: .init(parameters: ["quality"])])
        policy.prices = [model: .init(micros: 80_000, currency: "USD")]
        return policy
    }

    /// Sets a limit of every user, as a reload of the configuration does.
    func limit(_ kind: LimitKind, to value: Int64) {
        var policy = Self.policy
        policy.limits.standard[kind] = value
        store.reload(policy)
    }

    private init(
        directory: TemporaryDirectory, store: Store, archive: LocalArchive, room: WaitingRoom, socketPath: String,
        clock: Clock, group: ServiceGroup
    ) {
        self.directory = directory
        self.store = store
        self.archive = archive
        self.room = room
        self.socketPath = socketPath
        self.clock = clock
        self.group = group
    }

    /// Waits for every lookup, however slow this machine is.
    private static var users: KnownUsers {
        var patience = KnownUsers.Patience()
        (patience.known, patience.unknown) = (.seconds(1200), .seconds(1200))
        return KnownUsers(patience: patience) { uid in .user(.init(uid: uid, name: "me", groups: [])) }
    }

    func pass(_ duration: Duration) {
        clock.time.withLock { $0 = $0 + duration }
        clock.elapsed.withLock { $0 += duration }
    }

    func shutDown() async { await group.triggerGracefulShutdown() }
}

/// One response.
struct Response {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    func document() throws -> [String: Any] {
        try #require(headers.first(name: "content-type") == "application/json")
        return try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }

    /// The error, which is checked to have its four members.
    func error() throws -> (type: String, code: String?, param: String?, message: String) {
        let document = try document()
        let error = try #require(document["error"] as? [String: Any])
        #expect(Set(error.keys) == ["message", "type", "param", "code"])
        #expect(["true", "false"].contains(headers.first(name: "x-should-retry")))
        let message = try #require(error["message"] as? String)
        #expect(!message.isEmpty)
        return (
            try #require(error["type"] as? String), error["code"] as? String, error["param"] as? String, message
        )
    }

    /// The pictures' bytes, from bare base64.
    func pictures() throws -> [[UInt8]] {
        let data = try #require(try document()["data"] as? [[String: Any]])
        return try data.map { item in
            let text = try #require(item["b64_json"] as? String)
            return Array(try #require(Data(base64Encoded: text)))
        }
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}

extension DoorServer {
    /// Waits for an answer however long a busy machine takes.
    private static let client = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .minutes(25)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func send(
        _ method: HTTPMethod, _ path: String, body: [UInt8]? = nil, headers: HTTPHeaders = [:]
    ) async throws -> Response {
        let host = try #require(socketPath.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        var request = HTTPClientRequest(url: "http+unix://\(host)\(path)")
        request.method = method
        request.headers = headers
        request.body = body.map { .bytes(ByteBuffer(bytes: $0)) }
        let response = try await Self.client.execute(request, timeout: .minutes(25))
        let bytes = try await response.body.collect(upTo: 128 << 20)
        return Response(
            status: Int(response.status.code), headers: response.headers, body: Array(bytes.readableBytesView))
    }

    /// Posts JSON.
    func generate(_ json: String, headers: HTTPHeaders = [:]) async throws -> Response {
        var headers = headers
        headers.add(name: "content-type", value: "application/json")
        return try await send(.POST, "/v1/images/generations", body: Array(json.utf8), headers: headers)
    }

    /// Posts a form.
    func edit(_ form: Form, headers: HTTPHeaders = [:]) async throws -> Response {
        var headers = headers
        headers.add(name: "content-type", value: form.contentType)
        let path = form.hasFile ? "/v1/images/edits" : "/v1/images/generations"
        return try await send(.POST, path, body: form.body, headers: headers)
    }
}

/// A multipart body as clients write it.
struct Form {
    static let boundary = "----fluxq-test-7MA4YWxkTrZu0gW"

    private(set) var body: [UInt8] = []
    let hasFile: Bool

    var contentType: String { "multipart/form-data; boundary=\(Self.boundary)" }

    init(
        _ fields: [(name: String, value: String)] = [("prompt", "make it rain")],
        files: [(name: String, bytes: [UInt8])] = []
    ) {
        hasFile = !files.isEmpty
        for field in fields { add("form-data; name=\"\(field.name)\"", Array(field.value.utf8)) }
        for file in files {
            add("form-data; name=\"\(file.name)\"; filename=\"unknown_file\"", file.bytes)
        }
        body += Array("--\(Self.boundary)--\r\n".utf8)
    }

    private mutating func add(_ disposition: String, _ value: [UInt8]) {
        body +=
            Array("--\(Self.boundary)\r\nContent-Disposition: \(disposition)\r\n\r\n".utf8) + value + Array("\r\n".utf8)
    }
}

// The workers' part.
extension DoorServer {
    /// Waits until a job can be claimed, and claims it.
    func claim() async throws -> Claim {
        while true {
            let seen = store.signal.count
            if case .claimed(let claim) = try await store.claim() { return claim }
            _ = await store.signal.change(of: .calls, after: seen)
        }
    }

    /// The API answers with pictures that come inline.
    func answer(_ claim: Claim, with samples: [SamplePicture] = [SamplePictures.png]) async throws {
        let report = CallReport(
            outcome: .answered(Answer(items: samples.indices.map { AnswerItem(inline: $0) })),
            sentAt: clock.time.withLock { $0 })
        var pictures: [NewPicture] = []
        for sample in samples { pictures.append(.saved(try await archived(sample))) }
        let advance = try await store.record(report, of: claim, pictures: pictures)
        try #require(advance == .advanced(.done))
    }

    /// The API's outcome without a picture.
    func end(_ claim: Claim, _ outcome: CallOutcome) async throws {
        _ = try await store.record(CallReport(outcome: outcome), of: claim)
    }

    private func archived(_ sample: SamplePicture) async throws -> StoredPicture {
        let file = try await archive.spool.receive(limit: 1 << 30)
        try await file.write(ByteBuffer(bytes: sample.bytes))
        let object = try await archive.store(file)
        return StoredPicture(
            hash: object.hash, mediaType: sample.format.mediaType, width: sample.width, height: sample.height,
            bytes: object.bytes)
    }

    /// Sends a request, and answers its call with the pictures.
    func answered(
        with samples: [SamplePicture] = [SamplePictures.png], _ send: @escaping @Sendable () async throws -> Response
    ) async throws -> Response {
        async let response = send()
        try await answer(claim(), with: samples)
        return try await response
    }

    /// How many jobs there are.
    func jobs() async throws -> [Job] {
        try await store.jobs(JobQuery(), for: Caller(Self.me)).jobs
    }

    /// Waits until the store has changed so that the condition holds.
    func when(_ condition: () async throws -> Bool) async throws {
        while true {
            let seen = store.signal.count
            if try await condition() { return }
            _ = await store.signal.change(of: .owner(uid: Self.uid), after: seen)
        }
    }
}

struct Unexpected: Error {}
