import FluxqControl
import FluxqControlServer
import FluxqModel
import HTTPTypes
import HummingbirdCore
import NIOCore
import Synchronization

extension Door {
    /// Server-sent events: comments while the job waits, which keep every client's time-outs from running out, and then
    /// the pictures or an error.
    func streamed(
        _ event: String, _ reading: DoorForm.Reading, _ seat: WaitingRoom.Seat, _ client: Client
    ) -> Reply {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store", .job: "\(seat.job)",
        ]
        let end = StreamEnd()
        let response = Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                try await writer.write(ByteBuffer(string: ": job \(seat.job)\n\n"))
                do {
                    let pause = routes.settings.eventPause
                    let job = try await self.end(of: seat, client, until: .now + pause) { job in
                        try await writer.write(ByteBuffer(string: ": \(job.progressForPeople)\n\n"))
                        return .now + pause
                    }
                    if case .failed(let failure) = job.lifecycle.state { throw StreamedFailure(failure, job) }
                    let pictures = try await PictureAnswer(job, routes.quarantine)
                    let note = note(of: job, pictures, isReplay: seat.isJoined, reading)
                    CrashPoint.doorAnswerMade.pass()
                    try await pictures.writeEvents(named: event, note: note, to: &writer)
                    end.job.withLock { $0 = job }
                } catch let failure as StreamedFailure {
                    try await writer.write(Self.errorEvent(failure.error))
                    end.job.withLock { $0 = failure.job }
                } catch let error as DoorError {
                    try await writer.write(Self.errorEvent(error))
                } catch let problem as Problem {
                    try await writer.write(Self.errorEvent(DoorError(problem)))
                }
                try await writer.finish(nil)
                CrashPoint.doorAnswerSent.pass()
            })
        return Reply(response) { isTaken in
            if isTaken, let job = end.job.withLock({ $0 }) { await noteDelivery(of: job) }
            seat.leave()
        }
    }

    /// The job whose end a stream has told completely.
    private final class StreamEnd: Sendable {
        let job = Mutex<Job?>(nil)
    }

    private struct StreamedFailure: Error {
        let error: DoorError
        let job: Job

        init(_ failure: Lifecycle.Failure, _ job: Job) {
            error = DoorError(failure, of: job.id)
            self.job = job
        }
    }

    private static func errorEvent(_ error: DoorError) throws -> ByteBuffer {
        ByteBuffer(string: "event: error\ndata: \(try jsonLine(error))\n\n")
    }
}

extension Job {
    fileprivate var progressForPeople: String {
        guard case .queued = lifecycle.state else { return JobState(lifecycle.state).rawValue }
        return place?.place.map { "queued, place \($0)" } ?? "queued"
    }
}
