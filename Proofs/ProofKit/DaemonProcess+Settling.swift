package import FluxqControl
import FluxqControlClient
import FluxqModel
import Foundation

extension DaemonProcess {
    /// Asks the daemon until every job of the caller is done or failed.
    ///
    /// - Parameters:
    /// - pausing: true leaves jobs that wait for a time of their own (`backoff`, `scheduled`, or also `held`) as they
    ///   are.
    ///   - probing: true makes closed lanes probe immediately, as an administrator may; their own pauses can exceed any
    ///     patience.
    ///   - patience: the total time to wait.
    /// - Throws: `Stuck` after that time; `ControlClientError` if the daemon goes away.
    package func settle(
        leaving pausing: Bool = false, probing: Bool = false, patience: Duration = .seconds(60)
    ) async throws {
        let end = ContinuousClock.now + patience
        try await ControlClient.withConnection(to: setup.socket) { client in
            while case let unfinished = try await Self.unfinished(client, leaving: pausing), !unfinished.isEmpty {
                for job in unfinished {
                    guard ContinuousClock.now < end else { throw Stuck(jobs: unfinished) }
                    let isHeld = probing && job.waiting == Waiting.held.rawValue
                    if isHeld { _ = try await client.resumeQueue() }
                    let left = (end - ContinuousClock.now).components.seconds
                    _ = try await client.job(job.id, waitSeconds: isHeld ? 1 : max(1, Int(left)))
                }
            }
        }
    }

    /// Jobs that were neither done nor failed when the time was up.
    package struct Stuck: Error, CustomStringConvertible {
        package let jobs: [JobDocument]

        package var description: String {
            "stuck: "
                + jobs.map {
                    "job \($0.id) is \($0.state) (\($0.waiting ?? $0.phase ?? "")) \($0.message ?? "")"
                }.joined(separator: "; ")
        }
    }

    /// Asks for jobs in all states: a job that returns to the queue between two requests could be missing from both
    /// answers.
    private static func unfinished(_ client: ControlClient, leaving pausing: Bool) async throws -> [JobDocument] {
        let ended = [JobState.done, .failed].map(\.rawValue)
        var jobs: [JobDocument] = []
        var before: Int64?
        repeat {
            let page = try await client.jobs(before: before, limit: JobPage.mostJobs).document
            jobs += page.jobs.filter { job in
                !ended.contains(job.state) && !(pausing && isPausing(job))
            }
            before = page.next
        } while before != nil
        return jobs
    }

    /// True if the job waits for a time that has not come yet. For a job of a held lane, `held` is shown instead.
    private static func isPausing(_ job: JobDocument) -> Bool {
        switch job.waiting.flatMap(Waiting.init) {
        case .backoff, .scheduled: true
        case .held: job.notBefore.map { $0.timestamp.rawValue > Timestamp.now().rawValue } ?? false
        default: false
        }
    }
}
