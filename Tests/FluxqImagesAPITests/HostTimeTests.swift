import FluxqModel
import NIOCore
import Synchronization
import Testing

@testable import FluxqImagesAPI

/// Receives pictures like a full disk: the first write waits until there is room.
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

@Suite("The time that this host needs to store an answer", .timeLimit(.minutes(30)))
struct HostTimeTests {
    @Test("does not count against the call's time limit: a paid picture is stored completely once there is room")
    func fullDisk() async throws {
        // The API itself needs little of the limit, but how little depends on the machine.
        let (_, end) = try await LimitLadder.climb(from: .seconds(1)) { limit in
            try await Self.call(limit)
        } until: {
            $0.report?.outcome.row == "answered"
        }
        #expect(end.report?.outcome.row == "answered", "\(String(describing: end.report))")
        #expect(end.bytes == 6)
    }

    /// Makes a call whose answer finds no room until its time limit has passed.
    private static func call(_ limit: Duration) async throws -> (report: CallReport?, bytes: Int) {
        let disk = FullDisk()
        let server = try await RawServer(.answer(#"{"created": 1750667997, "data": [{"b64_json": "AAAAAAAA"}]}"#))
        let report = try await withScene(server, timeout: limit) { client in
            let request = try request()
            return await withTaskGroup(of: CallReport?.self) { group in
                group.addTask {
                    let report = await client.generate(request, picture: nil, receiver: disk)
                    // If the call ended too early, it never found the disk full.
                    disk.isFull.continuation.finish()
                    return report
                }
                group.addTask {
                    for await _ in disk.isFull.stream {}
                    // The time has to pass; there is no signal for it.
                    do { try await Task.sleep(for: limit * 1.2) } catch {}
                    disk.makeRoom()
                    return nil
                }
                var report: CallReport?
                for await end in group { report = end ?? report }
                return report
            }
        }
        return (report, disk.bytes)
    }

    @Test("counts only itself: an API that stalls afterwards still has its limit")
    func stall() async throws {
        let beginning = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"data\": [{\"b64_json\": \"AAAAAAAA"
        let (limit, report) = try await LimitLadder.climb(from: .milliseconds(300)) { limit in
            let disk = FullDisk()
            disk.makeRoom()
            return try await withScene(try await RawServer(.raw(beginning, then: .stall)), timeout: limit) {
                await $0.generate(try request(), picture: nil, receiver: disk)
            }
        } until: {
            $0.sentAt != nil
        }
        #expect(report.outcome.row == "unknown")
        #expect(report.outcome.message.contains(limit.inSeconds), "\(report.outcome.message)")
    }
}
