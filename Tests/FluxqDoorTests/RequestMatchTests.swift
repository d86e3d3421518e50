import FluxqModel
import FluxqStore
import Testing

@testable import FluxqDoor

@Suite("Which job a request gets")
struct RequestMatchTests {
    private static let time = Timestamp(secondsSinceEpoch: 1_790_000_000)

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let jobs: [DoorJob]
        var attended: Set<Int64> = []
        /// The job that each kind of request gets: an ordinary one, one that is marked as a retry, and one that asks for
        /// another call.
        let ordinary: Int64?
        let retry: Int64?
        let another: Int64?
    }

    private static func job(_ id: Int64, _ progress: DoorJob.Progress, isDelivered: Bool = false) -> DoorJob {
        .init(id: JobID(rawValue: id), progress: progress, isDelivered: isDelivered)
    }

    private static func failed(_ reason: FailureReason) -> DoorJob.Progress { .failed(reason, at: time) }

    static let rows: [Row] = [
        Row(testDescription: "none", jobs: [], ordinary: nil, retry: nil, another: nil),
        Row(
            testDescription: "one in flight that nobody waits for", jobs: [job(1, .inFlight)], ordinary: 1, retry: 1,
            another: 1),
        Row(
            testDescription: "one in flight that somebody waits for", jobs: [job(1, .inFlight)], attended: [1],
            ordinary: nil, retry: 1, another: nil),
        Row(
            testDescription: "several in flight, of which one is left", jobs: [job(2, .inFlight), job(1, .inFlight)],
            attended: [2], ordinary: 1, retry: 1, another: 1),
        Row(
            testDescription: "an answer that was not delivered", jobs: [job(1, .done(at: time))], ordinary: 1, retry: 1,
            another: 1),
        Row(
            testDescription: "an answer that is being delivered", jobs: [job(1, .done(at: time))], attended: [1],
            ordinary: nil, retry: 1, another: nil),
        Row(
            testDescription: "an answer that was delivered", jobs: [job(1, .done(at: time), isDelivered: true)],
            ordinary: nil, retry: 1, another: nil),
        Row(
            testDescription: "one delivered, and an older one that was not",
            jobs: [job(2, .done(at: time), isDelivered: true), job(1, .done(at: time))], ordinary: 1, retry: 1,
            another: 1),
        Row(
            testDescription: "an unknown outcome that was told",
            jobs: [job(1, failed(.outcomeUnknown), isDelivered: true)],
            ordinary: 1, retry: 1, another: nil),
        Row(
            testDescription: "an unknown outcome that was not told", jobs: [job(1, failed(.outcomeUnknown))],
            ordinary: 1,
            retry: 1, another: nil),
        Row(
            testDescription: "an unknown outcome before a delivered answer",
            jobs: [job(2, .done(at: time), isDelivered: true), job(1, failed(.outcomeUnknown), isDelivered: true)],
            ordinary: 1, retry: 2, another: nil),
        Row(
            testDescription: "a refusal that was told", jobs: [job(1, failed(.rejected), isDelivered: true)],
            ordinary: nil,
            retry: nil, another: nil),
        Row(
            testDescription: "a refusal that was not told", jobs: [job(1, failed(.moderated))], ordinary: 1, retry: 1,
            another: 1),
        Row(
            testDescription: "a billed call without a picture, told",
            jobs: [job(1, failed(.noImage), isDelivered: true)], ordinary: nil, retry: 1, another: nil),
        Row(
            testDescription: "a canceled job", jobs: [job(1, failed(.canceled))], ordinary: nil, retry: nil,
            another: nil),
    ]

    @Test("an earlier job is given to a request that must not buy again", arguments: rows)
    func row(_ row: Row) {
        func get(_ wish: RequestMatch.Wish) -> Int64? {
            RequestMatch.job(for: wish, among: row.jobs) { row.attended.contains($0.rawValue) }?.id.rawValue
        }
        #expect(get(.init()) == row.ordinary)
        #expect(get(.init(isRetry: true)) == row.retry)
        #expect(get(.init(wantsAnother: true)) == row.another)
    }
}
