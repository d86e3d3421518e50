import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore

extension Routes {
    /// `POST /v1/jobs`: checks every field before anything is kept, then queues the job.
    func postJob(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        guard call.isJSON else { throw Problem.notJSON }
        var image = SubmittedImage(
            spool: archive.spool, uploads: uploads, owner: call.caller.user, maxBytes: settings.maxInputBytes)
        do {
            let json = try await read(call, &image)
            let reading = JobSubmission.reading(json)
            let key = try await key(of: reading, image)
            // Looked up before anything is checked or kept: a limit, a model or a rule may have changed since the job
            // was queued. A client that lost the answer must still get the job.
            if let key, let earlier = try await store.submission(under: key, of: call.caller.user) {
                if let file = image.file { await archive.spool.discard(file) }
                return try await response(to: earlier, call)
            }
            // The same catalog checks and submits the fields, even if a reload comes in between.
            let catalog = settings.catalog
            let submission = try await check(reading, image, catalog, of: call.caller.uid)
            return try await response(to: submit(submission, under: key, image, catalog, of: call.caller), call)
        } catch {
            if let file = image.file { await archive.spool.discard(file) }
            throw error
        }
    }

    /// Reads the body; its picture is never completely in memory.
    /// - Returns: the body; its picture is replaced by a text that is neither a hash nor a link.
    private func read(_ call: Call, _ image: inout SubmittedImage) async throws -> JSONValue {
        // Base64 needs four bytes for three, and JSON may add escapes or line breaks: twice the size is enough.
        let bodyLimit = 2 * settings.maxInputBytes + Int64(Limits.submissionBytes)
        if let length = call.contentLength, length > bodyLimit {
            throw Problem.pictureTooLarge(limit: settings.maxInputBytes)
        }
        var diverter = JSONDiverter(
            path: [.key("request"), .key("image")], remainderLimit: Limits.submissionBytes,
            depthLimit: JSONBounds.depth)
        var bytes: Int64 = 0
        while let piece = try await call.body.piece() {
            bytes += Int64(piece.readableBytes)
            guard bytes <= bodyLimit else { throw Problem.pictureTooLarge(limit: settings.maxInputBytes) }
            let events: [JSONDiverter.Event]
            do {
                events = try await perUserLock.take(call.caller.uid) { try diverter.consume(piece.readableBytesView) }
            } catch {
                throw Problem.submissionTooLarge(limit: Limits.submissionBytes)
            }
            for event in events { try await image.take(event) }
        }
        if bytes == 0 { throw Problem.emptySubmission }
        return try await perUserLock.take(call.caller.uid) {
            // Decoding a body of `{},{},…` takes very long.
            guard JSONBounds.hold(for: diverter.remainder, values: Limits.submissionValues) else {
                throw Problem.tooManyValues
            }
            do {
                return try JSONDecoder().decode(JSONValue.self, from: Data(diverter.remainder))
            } catch {
                // The decoder does not report where it stopped.
                throw Problem.malformedJSON
            }
        }
    }

    /// The submission's key; nil without one, and for a submission that cannot be queued anyway.
    private func key(
        of reading: (submission: JobSubmission, wrong: [EditRequest.FieldError]), _ image: SubmittedImage
    ) async throws -> Store.Order.Key? {
        guard reading.wrong.isEmpty, let key = reading.submission.options.key else { return nil }
        return try await fingerprint(of: reading.submission, image).map { .init(text: key, fingerprint: $0) }
    }

    private func response(to result: Store.Submission, _ call: Call) async throws -> Response {
        switch result {
        case .created(let job):
            CrashPoint.submitCommitted.pass()
            userLog.log(.info, "A job was submitted.", of: call.caller.uid, ["job.id": "\(job.id)"])
            var response = try await response(with: job, to: call, status: .created)
            response.headers[.location] = "/v1/jobs/\(job.id)"
            return response
        case .existing(let job):
            var response = try await response(with: job, to: call)
            response.headers[.location] = "/v1/jobs/\(job.id)"
            return response
        case .keyReused: throw Problem.keyReused
        case .keyForgotten(let job): throw Problem.keyForgotten(job)
        case .unknownInput: throw Problem.failed
        case .overLimit(let reached): throw Problem.overLimit(reached, "Nothing was queued.")
        // Only a job whose client waits for the answer is refused for this.
        case .held: throw Problem.failed
        }
    }
}

extension Call {
    /// True if the body's media type is JSON or missing.
    var isJSON: Bool {
        guard let type = head.headerFields[.contentType] else { return true }
        let essence = type.prefix { $0 != ";" && $0 != " " }.lowercased()
        return essence == "application/json" || essence.hasSuffix("+json")
    }
}
