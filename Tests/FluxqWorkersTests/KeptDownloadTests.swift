import FluxqImagesAPI
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import Synchronization
import Testing

@testable import FluxqWorkers

@Suite("A downloaded picture waits for this host", .timeLimit(.minutes(30)))
struct KeptDownloadTests {
    /// Repairs the host as soon as fluxqd waits with a picture that it could not store.
    private final class MendingClock: WorkClock {
        static let pause = Duration.milliseconds(7)

        private let mend = Mutex<(@Sendable () throws -> Void)?>(nil)

        func mend(_ work: @escaping @Sendable () throws -> Void) { mend.withLock { $0 = work } }

        func now() -> Timestamp { SystemClock().now() }

        func sleep(until time: Timestamp) async throws { try await SystemClock().sleep(until: time) }

        func sleep(for duration: Duration) async throws {
            if duration == Self.pause { try mend.withLock { $0.take() }?() }
            try await SystemClock().sleep(for: duration)
        }
    }

    @Test("and is not downloaded again: its link may work only once")
    func waits() async throws {
        let clock = MendingClock()
        let fixture = try WorkersFixture({ $0.storeRetryPause = MendingClock.pause }, clock: clock)
        let (objects, aside) = (fixture.directory.path("objects"), fixture.directory.path("aside"))
        let id = try await fixture.submit("x")
        try await fixture.run { _ in
            try #require(await fixture.api.nextCall()).answer(
                WorkersFixture.answered([AnswerItem(link: "https://example.org/1.png")]))
            let download = try #require(await fixture.api.nextDownload())
            try await #require(download.sink).write(ByteBuffer(bytes: SamplePictures.png.bytes))
            try FileManager.default.moveItem(atPath: objects, toPath: aside)
            clock.mend { try FileManager.default.moveItem(atPath: aside, toPath: objects) }
            download.answer(.complete)
            let job = try await withThrowingTaskGroup(of: Job?.self) { group in
                group.addTask { try await fixture.end(of: id) }
                group.addTask {
                    if let again = await fixture.api.nextDownload() {
                        Issue.record("it was fetched again")
                        again.answer(.impossible(message: "The link gave it once."))
                    }
                    return nil
                }
                var end: Job?
                for try await job in group where job != nil {
                    end = job
                    group.cancelAll()
                }
                return end
            }
            #expect(job?.lifecycle.state == .done(warning: nil))
        }
    }
}
