import FluxqModel
import FluxqTestSupport
import HTTPTypes
import Synchronization
import Testing

@testable import FluxqControlServer

@Suite("PerUserLock", .timeLimit(.minutes(30)))
struct PerUserLockTests {
    @Test("serializes each user's operations, in order of arrival, but not those of different users")
    func order() async throws {
        let perUserLock = PerUserLock()
        let done = Record()
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await perUserLock.take(1) {
                    await gate.enter()
                    done.append(1)
                }
            }
            await gate.entered()
            for number in 2...4 {
                group.addTask { await perUserLock.take(1) { done.append(number) } }
                try await Observation.wait { perUserLock.waiting(uid: 1) >= number - 1 }
            }
            // Another user does not wait for the first one.
            await perUserLock.take(2) { done.append(5) }
            gate.open()
            try await group.waitForAll()
        }
        #expect(done.numbers == [5, 1, 2, 3, 4])
    }

    @Test("continues after a failure")
    func failure() async throws {
        let perUserLock = PerUserLock()
        struct Failed: Error {}
        await #expect(throws: Failed.self) { try await perUserLock.take(1) { throw Failed() } }
        #expect(await perUserLock.take(1) { 7 } == 7)
    }

    @Test("blocks no other user: another user's request is answered while one's waits")
    func server() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            // All readable routes, so that a new route has to use the lock too.
            let paths = Routes.all.filter { $0.method == .get }.map { route in
                route.path.replacing("{id}", with: "\(job.id)").replacing("{index}", with: "1")
            }
            #expect(paths.contains("/v1/jobs/\(job.id)/images/1") && paths.contains("/v1/jobs/\(job.id)/input"))
            // A turn of another user does not matter.
            try await server.perUserLock.take(TestServer.uid + 1) {
                // An event stream has no end.
                for path in paths where path != "/v1/events" { _ = try await server.get(path) }
            }
            for path in paths {
                try await RawClient.connect(to: server) { client in
                    try await server.perUserLock.take(TestServer.uid) {
                        try await client.send("GET \(path) HTTP/1.1\r\nConnection: close\r\n\r\n")
                        try await Observation.wait { server.perUserLock.waiting(uid: TestServer.uid) > 0 }
                    }
                    #expect(try await client.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 "))
                }
            }
        }
    }

    @Test("keeps the place of a client that has disconnected while its request waits")
    func place() async throws {
        try await TestServer.run(settings: { $0.maxConnectionsPerUser = 1 }) { server in
            try await server.perUserLock.take(TestServer.uid) {
                try await RawClient.connect(to: server) { client in
                    try await client.send(RawClient.oneRequest)
                    try await Observation.wait { server.perUserLock.waiting(uid: TestServer.uid) > 0 }
                }
                for _ in 0..<ConnectionCap.mostRefusalsPerSecond / 2 {
                    #expect(try await RawClient.askOnce(server) == 503)
                }
            }
            try await RawClient.waitForPlace(server)
        }
    }
}

/// Blocks a task until it is opened.
private final class Gate: Sendable {
    private let standing = AsyncStream<Void>.makeStream()
    private let opened = AsyncStream<Void>.makeStream()

    func enter() async {
        standing.continuation.finish()
        for await _ in opened.stream {}
    }

    func entered() async { for await _ in standing.stream {} }

    func open() { opened.continuation.finish() }
}

private final class Record: Sendable {
    private let kept = Mutex<[Int]>([])

    func append(_ number: Int) { kept.withLock { $0.append(number) } }

    var numbers: [Int] { kept.withLock { $0 } }
}
