package import FluxqControl
import FluxqHost
import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import SystemPackage

extension ControlClient {
    /// The longest `?wait` that is requested. Below `SilenceHandler.limit`.
    package static let maxWaitSeconds = 30

    /// `PUT /v1/inputs`.
    package func putInput(_ source: UploadSource) async throws -> InputDocument {
        let answer: Answered<InputDocument> = try await document(.PUT, "/v1/inputs", .upload(source))
        return answer.document
    }

    /// `POST /v1/jobs`. With a key it is resent if its answer is lost: the same key returns the same job.
    package func submit(_ submission: JobSubmission) async throws -> Answered<JobDocument> {
        let body = UploadBody.json([UInt8](try JSONEncoder().encode(submission)))
        return try await document(.POST, "/v1/jobs", body, isRepeatable: submission.options.key != nil)
    }

    /// `GET /v1/jobs/{id}`; with `waitSeconds` the answer comes when the job is done or failed, or after that time.
    package func job(_ id: Int64, waitSeconds: Int = 0) async throws -> Answered<JobDocument> {
        let wait = min(waitSeconds, Self.maxWaitSeconds)
        return try await document(.GET, "/v1/jobs/\(id)" + (wait > 0 ? "?wait=\(wait)" : ""))
    }

    /// `GET /v1/jobs`, newest first.
    ///
    /// - Parameters:
    ///   - before: `next` of the previous page.
    ///   - all: true for jobs of other users as well.
    package func jobs(
        state: String? = nil, label: String? = nil, before: Int64? = nil, limit: Int, all: Bool = false
    ) async throws -> Answered<JobPage> {
        var query = ["limit=\(min(limit, JobPage.mostJobs))"]
        if let state { query.append("state=\(PercentEncoding.encoded(state))") }
        if let label { query.append("label=\(PercentEncoding.encoded(label))") }
        if let before { query.append("before=\(before)") }
        if all { query.append("all=true") }
        return try await document(.GET, "/v1/jobs?" + query.joined(separator: "&"))
    }

    /// `GET /v1/jobs/{id}/calls`, newest first.
    ///
    /// - Parameter before: `next` of the previous page.
    package func calls(of id: Int64, before: Int? = nil) async throws -> Answered<CallPage> {
        try await document(.GET, "/v1/jobs/\(id)/calls" + (before.map { "?before=\($0)" } ?? ""))
    }

    /// `POST /v1/jobs/forget`. It is resent if its answer is lost, because it is idempotent.
    package func forget(_ request: ForgetRequest) async throws -> Answered<ForgetDocument> {
        let body = UploadBody.json([UInt8](try JSONEncoder().encode(request)))
        return try await document(.POST, "/v1/jobs/forget", body, isRepeatable: true)
    }

    /// `POST /v1/jobs/{id}/cancel`.
    package func cancel(_ id: Int64) async throws -> Answered<JobDocument> {
        try await document(.POST, "/v1/jobs/\(id)/cancel")
    }

    /// `POST /v1/jobs/{id}/retry`.
    package func retry(_ id: Int64) async throws -> Answered<JobDocument> {
        try await document(.POST, "/v1/jobs/\(id)/retry")
    }

    /// `GET /v1/queue`.
    package func queue() async throws -> Answered<QueueDocument> {
        try await document(.GET, "/v1/queue")
    }

    /// `POST /v1/users/{uid}/renamed` or `/replaced`.
    package func settleUser(_ uid: UInt32, _ verdict: String) async throws -> Answered<QueueDocument> {
        try await document(.POST, "/v1/users/\(uid)/\(verdict)")
    }

    /// `GET /v1/events`: each event after number `since`, as it occurs, until the daemon stops.
    package func events(since: Int64, receive: (EventDocument) async throws -> Void) async throws {
        var line: [UInt8] = []
        try await stream(.GET, "/v1/events?since=\(since)") { piece in
            for byte in piece.readableBytesView {
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    continue
                }
                if line.starts(with: "data: ".utf8) {
                    try await receive(try JSONDecoder().decode(EventDocument.self, from: Data(line.dropFirst(6))))
                }
                line = []
            }
        }
    }

    /// `GET /v1/usage`: the caller's own usage.
    package func usage() async throws -> Answered<UsageDocument> {
        try await document(.GET, "/v1/usage")
    }

    /// `GET /v1/usage?all=true`: the usage of all users, for administrators.
    package func usageOfAll() async throws -> Answered<UsageList> {
        try await document(.GET, "/v1/usage?all=true")
    }

    /// `GET /v1/models`.
    package func models() async throws -> Answered<ModelList> {
        try await document(.GET, "/v1/models")
    }

    /// `POST /v1/queue/pause`.
    package func pauseQueue() async throws -> Answered<QueueDocument> {
        try await document(.POST, "/v1/queue/pause")
    }

    /// `POST /v1/queue/resume`.
    package func resumeQueue() async throws -> Answered<QueueDocument> {
        try await document(.POST, "/v1/queue/resume")
    }

    /// `GET /v1/jobs/{id}/images/{index}`, written to an open file as it arrives.
    package func image(_ id: Int64, index: Int, into descriptor: Int32) async throws {
        try await stream(.GET, "/v1/jobs/\(id)/images/\(index)") { piece in
            try await NIOThreadPool.singleton.runIfActive { try Self.write(piece, to: descriptor) }
        }
    }

    private static func write(_ piece: ByteBuffer, to descriptor: Int32) throws(ControlClientError) {
        let failure: Errno? = piece.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno != EINTR { return .last }
                rest = rest.dropFirst(max(count, 0))
            }
            return nil
        }
        if let failure { throw .downloadUnwritable(failure) }
    }
}
