import FluxqImagesAPI
import FluxqModel
import FluxqTestSupport
import NIOCore
import Synchronization

/// An images API whose every answer the test chooses.
final class SimulatedAPI: ImagesAPI {
    /// A call or a download that waits for its answer.
    struct Pending<Answer: Sendable>: Sendable {
        let prompt: String
        let receiver: (any PictureReceiver)?
        let sink: (any PictureSink)?
        fileprivate let answers: AsyncStream<Answer>.Continuation

        func answer(_ answer: Answer) {
            answers.yield(answer)
            answers.finish()
        }
    }

    private struct State {
        var inFlight = 0
        var most = 0
        var completesCanceledDownloads = false
    }

    private let calls = AsyncStream<Pending<CallReport>>.makeStream()
    private let downloads = AsyncStream<Pending<DownloadOutcome>>.makeStream()
    private let state = Mutex(State())

    /// The most calls that were in flight at once.
    var mostInFlight: Int { state.withLock { $0.most } }

    /// True if a download's last byte arrives just as its task is canceled.
    var completesCanceledDownloads: Bool {
        get { state.withLock { $0.completesCanceledDownloads } }
        set { state.withLock { $0.completesCanceledDownloads = newValue } }
    }

    func forgetMost() {
        state.withLock { $0.most = $0.inFlight }
    }

    /// Returns the next incoming call; calls arrive in the order in which they began.
    func nextCall() async -> Pending<CallReport>? {
        for await call in calls.stream { return call }
        return nil
    }

    func nextDownload() async -> Pending<DownloadOutcome>? {
        for await download in downloads.stream { return download }
        return nil
    }

    func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
    ) async -> CallReport {
        state.withLock { state in
            state.inFlight += 1
            state.most = max(state.most, state.inFlight)
        }
        defer { state.withLock { $0.inFlight -= 1 } }
        let (stream, answers) = AsyncStream<CallReport>.makeStream()
        calls.continuation.yield(.init(prompt: request.prompt, receiver: receiver, sink: nil, answers: answers))
        for await report in stream { return report }
        // Only a canceled task gets here: the request was sent.
        return CallReport(outcome: .unknown(APIError(message: "canceled")), sentAt: Timestamp(rawValue: 1))
    }

    func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
        let (stream, answers) = AsyncStream<DownloadOutcome>.makeStream()
        downloads.continuation.yield(.init(prompt: link, receiver: nil, sink: sink, answers: answers))
        for await outcome in stream { return outcome }
        return completesCanceledDownloads ? .complete : .failed(message: "canceled")
    }
}
