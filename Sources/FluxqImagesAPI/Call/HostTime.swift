import NIOCore
import Synchronization

/// The time that this host spends on storing received data, for example while it waits for room on a full disk. It is
/// not the API's time and does not count against a call's time limit.
final class HostTime: Sendable {
    private struct State {
        var total = Duration.zero
        var since: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// The time so far, including a measurement in progress.
    var total: Duration {
        state.withLock { state in state.total + (state.since.map { .now - $0 } ?? .zero) }
    }

    /// Pieces of an answer are stored one after the other, so only one measurement is in progress at a time.
    fileprivate func measure<Value>(_ work: () async throws -> Value) async rethrows -> Value {
        state.withLock { $0.since = .now }
        defer {
            state.withLock { state in
                state.total += state.since.map { .now - $0 } ?? .zero
                state.since = nil
            }
        }
        return try await work()
    }
}

/// A receiver that measures its time.
struct MeasuredReceiver: PictureReceiver {
    let receiver: any PictureReceiver
    let time: HostTime

    private struct Sink: PictureSink {
        let sink: any PictureSink
        let time: HostTime

        func write(_ bytes: ByteBuffer) async throws {
            try await time.measure { try await sink.write(bytes) }
        }
    }

    func beginAnswer(_ head: AnswerHead) async {
        await time.measure { await receiver.beginAnswer(head) }
    }

    func beginPicture(_ ordinal: Int) async throws -> any PictureSink {
        Sink(sink: try await time.measure { try await receiver.beginPicture(ordinal) }, time: time)
    }

    func discardPicture(_ ordinal: Int) async {
        await receiver.discardPicture(ordinal)
    }

    func endPicture(_ ordinal: Int, isValid: Bool) async throws {
        try await time.measure { try await receiver.endPicture(ordinal, isValid: isValid) }
    }
}
