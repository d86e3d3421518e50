import FluxqModel
import NIOCore
import Synchronization
import Testing

@testable import FluxqImagesAPI

/// Takes pictures as a full disk would: the first write waits until there is room.
private final class FullDisk: PictureReceiver {
    private let room = AsyncStream<Void>.makeStream()
    private let state = Mutex((isWaiting: false, bytes: 0))
    let isFull = AsyncStream<Void>.makeStream()

    var bytes: Int { state.withLock { $0.bytes } }

    func makeRoom() {
        room.continuation.finish()
    }

    func beginPicture(_ ordinal: Int) -> any PictureSink {
        Sink(disk: self)
    }

    func endPicture(_ ordinal: Int, isValid: Bool) {}

    private struct Sink: PictureSink {
        let disk: FullDisk

        func write(_ bytes: ByteBuffer) async throws {
            disk.isFull.continuation.finish()
            for await _ in disk.room.stream {}
            try Task.checkCancellation()
            disk.state.withLock { $0.bytes += bytes.readableBytes }
        }
    }
}

@Suite("The time that this host takes to store an answer", .timeLimit(.minutes(1)))
struct HostTimeTests {
    @Test("does not count against the call's time limit: what was paid for is taken whole when there is room")
    func fullDisk() async throws {
        let disk = FullDisk()
        let limit = Duration.seconds(15)
        let server = try await RawServer(.answer(#"{"created": 1750667997, "data": [{"b64_json": "AAAAAAAA"}]}"#))
        let report = try await withScene(server, timeout: limit) { client in
            let request = try request()
            return try await withThrowingTaskGroup(of: CallReport?.self) { group in
                group.addTask { await client.generate(request, picture: nil, receiver: disk) }
                group.addTask {
                    for await _ in disk.isFull.stream {}
                    try await Task.sleep(for: limit * 1.2)
                    disk.makeRoom()
                    return nil
                }
                var report: CallReport?
                for try await end in group { report = end ?? report }
                return report
            }
        }
        #expect(report?.outcome.row == "answered", "\(String(describing: report))")
        #expect(disk.bytes == 6)
    }

    @Test("is only its own: an API that stalls afterwards still has its limit")
    func stall() async throws {
        let disk = FullDisk()
        disk.makeRoom()
        let server = try await RawServer(
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"data\": [{\"b64_json\": \"AAAAAAAA", then: .stall))
        let report = try await withScene(server, timeout: .milliseconds(300)) {
            await $0.generate(try request(), picture: nil, receiver: disk)
        }
        #expect(report.outcome.row == "unknown")
        #expect(report.outcome.message.contains("0.3 seconds"))
    }
}
