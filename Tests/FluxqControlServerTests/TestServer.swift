import AsyncHTTPClient
import FluxqArchive
import FluxqControl
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

/// A control server on a real socket with a real store and archive, for one test.
struct TestServer: Sendable {
    let directory: TemporaryDirectory
    let store: Store
    let archive: LocalArchive
    let socketPath: String
    /// Empty unless the test asks for some.
    let ports: [LoopbackAddress]
    private let group: ServiceGroup
    private let server: ControlServer
    /// What the server logged.
    let log: RecordedLog

    /// The user of this test process, whom the server therefore sees.
    static let uid = getuid()
    static let now = Timestamp(secondsSinceEpoch: 1_790_000_000)

    /// The users of this host, but the test's own user has the name that the tests use.
    static var users: KnownUsers {
        KnownUsers.patient { uid in
            guard uid == Self.uid, case .user(let user) = try KnownUsers.ofThisHost(uid) else {
                return try KnownUsers.ofThisHost(uid)
            }
            return .user(.init(uid: uid, name: me.name, groups: user.groups))
        }
    }

    /// Runs the server while `body` runs, then shuts it down and waits for it.
    ///
    /// - Parameter ports: served besides the Unix socket, and closed at the end.
    static func run(
        policy: StorePolicy = .init(), users: KnownUsers = TestServer.users, ports: [ListeningPort] = [],
        settings configure: (inout ControlServer.Settings) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let store = try Store(path: directory.path("queue.sqlite"), policy: policy, now: { now })
        let archive = try LocalArchive(directory: directory.path)
        let socketPath = directory.path("control.sock")
        var settings = ControlServer.Settings(
            catalog: ModelCatalog(offering: [EditRequest.modelThatRequiresImage, "m"]), administrators: .init(only: []),
            admitsUnknownUsers: true, drawSeed: { 4711 })
        configure(&settings)
        let log = RecordedLog()
        var logger = Logger(label: "test") { _ in log }
        logger.logLevel = .trace
        let server = ControlServer(
            socket: try ListeningSocket.bind(path: socketPath).descriptor, ports: ports, store: store, archive: archive,
            settings: settings,
            users: users,
            logger: logger)
        let group = ServiceGroup(configuration: .init(services: [server], logger: Logger(label: "services")))
        let test = TestServer(
            directory: directory, store: store, archive: archive, socketPath: socketPath,
            ports: ports.map(\.address), group: group, server: server, log: log)
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

    private init(
        directory: TemporaryDirectory, store: Store, archive: LocalArchive, socketPath: String,
        ports: [LoopbackAddress], group: ServiceGroup, server: ControlServer, log: RecordedLog
    ) {
        self.directory = directory
        self.store = store
        self.archive = archive
        self.socketPath = socketPath
        self.ports = ports
        self.group = group
        self.server = server
        self.log = log
    }

    /// As a reload of the configuration does.
    func reload(_ settings: ControlServer.Settings) {
        server.reload(settings)
    }

    var perUserLock: PerUserLock { server.routes.perUserLock }
    var uploads: UploadRoom { server.routes.uploads }

    func shutDown() async {
        await group.triggerGracefulShutdown()
    }
}

/// One response.
struct Reply {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    func document<Document: Decodable>(_ type: Document.Type = Document.self) throws -> Document {
        try #require(headers.first(name: "content-type") == "application/json")
        return try JSONDecoder().decode(Document.self, from: Data(body))
    }

    /// The problem document, which is checked as well.
    var problem: Problem {
        get throws {
            try #require(headers.first(name: "content-type") == "application/problem+json")
            let problem = try JSONDecoder().decode(Problem.self, from: Data(body))
            #expect(problem.status == status)
            #expect(!problem.title.isEmpty && problem.detail.hasSuffix("."))
            return problem
        }
    }
}

extension TestServer {
    /// Unlike the library's shared client it waits for an answer however long a busy machine takes.
    private static let client = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .minutes(25)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func send(
        _ method: HTTPMethod, _ path: String, body: HTTPClientRequest.Body? = nil, headers: HTTPHeaders = [:]
    ) async throws -> Reply {
        let host = try #require(socketPath.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        var request = HTTPClientRequest(url: "http+unix://\(host)\(path)")
        request.method = method
        request.headers = headers
        request.body = body
        let response = try await Self.client.execute(request, timeout: .minutes(25))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Reply(status: Int(response.status.code), headers: response.headers, body: Array(bytes.readableBytesView))
    }

    func get(_ path: String, headers: HTTPHeaders = [:]) async throws -> Reply {
        try await send(.GET, path, headers: headers)
    }

    func put(_ bytes: [UInt8]) async throws -> Reply {
        try await send(.PUT, "/v1/inputs", body: .bytes(ByteBuffer(bytes: bytes)))
    }

    func post(_ json: String, headers: HTTPHeaders = ["content-type": "application/json"]) async throws -> Reply {
        try await send(.POST, "/v1/jobs", body: .bytes(ByteBuffer(string: json)), headers: headers)
    }

    /// The files below the archive's directory with that name.
    func files(in name: String) throws -> [String] {
        let url = URL(filePath: directory.path(name))
        let names = FileManager.default.enumerator(at: url, includingPropertiesForKeys: [.isRegularFileKey])
        return try (names.map { $0.compactMap { $0 as? URL } } ?? []).filter {
            try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true
        }.map(\.lastPathComponent)
    }
}

// Jobs in various states, reached through the store's own verbs.
extension TestServer {
    static let me = User(uid: uid, name: "me")
    static let somebodyElse = User(uid: 54321, name: "eve")
    static let link = "https://pictures.example/a.png"

    /// A queued job that edits a link.
    func submit(owner: User = me, label: String? = nil) async throws -> Job {
        var draft = EditRequest.Draft()
        draft.prompt = "make it blue"
        draft.image = .link(Self.link)
        let request = try draft.validated(defaultModel: "m", drawSeed: { 1 }).get()
        let submission = try await store.submit(Store.Order(owner: owner, request: request, label: label))
        guard case .created(let job) = submission else { throw Unexpected() }
        return job
    }

    func claim() async throws -> Claim {
        guard case .claimed(let claim) = try await store.claim() else { throw Unexpected() }
        return claim
    }

    /// Puts a picture into the archive.
    func archived(_ sample: SamplePicture) async throws -> StoredPicture {
        let file = try await archive.spool.receive(limit: 1 << 20)
        try await file.write(ByteBuffer(bytes: sample.bytes))
        let object = try await archive.store(file)
        return StoredPicture(
            hash: object.hash, mediaType: sample.format.mediaType, width: sample.width, height: sample.height,
            bytes: object.bytes)
    }

    /// A job that is done, with one picture.
    func finished(_ sample: SamplePicture = SamplePictures.png, owner: User = me) async throws -> Job {
        let job = try await submit(owner: owner)
        try await answer(job, with: sample)
        return job
    }

    /// Claims the job, which must be the next one, and lets the API return an inline picture.
    func answer(_ job: Job, with sample: SamplePicture = SamplePictures.png) async throws {
        let claim = try await claim()
        try #require(claim.job == job.id)
        let report = CallReport(outcome: .answered(Answer(items: [AnswerItem(inline: 0)])), sentAt: Self.now)
        let advance = try await store.record(report, of: claim, pictures: [.saved(try await archived(sample))])
        try #require(advance == .advanced(.done))
    }
}

struct Unexpected: Error {}

extension KnownUsers {
    /// Waits for every lookup, however slow this machine is.
    static func patient(_ lookUp: @escaping @Sendable (UInt32) throws -> Standing) -> KnownUsers {
        var patience = Patience()
        (patience.known, patience.unknown) = (.seconds(1200), .seconds(1200))
        return KnownUsers(patience: patience, lookUp: lookUp)
    }
}
