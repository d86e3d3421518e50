import Crypto
import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqImagesAPI
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
            let submission = try await check(reading, image, catalog, call)
            return try await submit(submission, under: key, image, catalog, call)
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

    /// The submission's key, with a fingerprint of the submission. It is taken before defaults are filled in, with the
    /// picture's hash, so that equal submissions are equal in whatever form they were written.
    ///
    /// - Returns: nil without a key, and for a submission that cannot be queued anyway.
    private func key(
        of reading: (submission: JobSubmission, wrong: [EditRequest.FieldError]), _ image: SubmittedImage
    ) async throws -> Store.Order.Key? {
        guard reading.wrong.isEmpty, let key = reading.submission.options.key else { return nil }
        var submission = reading.submission
        switch image.content {
        case .absent: break
        case .text(let text, let bytes):
            guard bytes <= EditRequest.Bounds.linkBytes else { return nil }
            submission.request.image = .init(wire: String(decoding: text, as: UTF8.self))
        case .picture(let file): submission.request.image = .content(try await archive.spool.hash(of: file))
        case .undecodable: return nil
        }
        let digest = SHA256.hash(data: Data(try jsonLine(submission).utf8))
        return .init(text: key, fingerprint: ContentHash(digest: Array(digest)))
    }

    /// Finds all errors at once: types, ranges, and the picture's bytes.
    /// - Returns: the submission; if its picture was sent as bytes, with a placeholder hash.
    private func check(
        _ reading: (submission: JobSubmission, wrong: [EditRequest.FieldError]), _ image: SubmittedImage,
        _ catalog: ModelCatalog, _ call: Call
    ) async throws -> JobSubmission {
        var (submission, wrong) = reading
        func note(_ problem: String) { wrong.append(.init(field: "image", problem: problem)) }
        switch image.content {
        case .absent: break
        case .text(let text, let bytes) where bytes <= EditRequest.Bounds.linkBytes:
            submission.request.image = .init(wire: String(decoding: text, as: UTF8.self))
        case .text(_, let bytes):
            submission.request.image = .content(.placeholder)
            note("must be a link of at most \(EditRequest.Bounds.linkBytes) bytes, but has \(bytes)")
        case .picture(let file):
            submission.request.image = .content(.placeholder)
            // Reads the whole file.
            let inspected = try await uploadTurns.take(call.caller.uid) { try await archive.spool.inspect(file) }
            if case .failure(let defect) = inspected { note(defect.description) }
        case .undecodable:
            submission.request.image = .content(.placeholder)
            note("is a data: URI whose text is not base64, or ends early")
        }
        if case .failure(let invalid) = submission.request.validated(
            by: catalog, drawSeed: { EditRequest.Bounds.lowestSeed })
        {
            if invalid.unknownModel != nil, !wrong.contains(where: { $0.field == "model" }) { throw invalid }
            // A field of the wrong type is missing here; errors that follow from that are not reported.
            let named = Set(wrong.map(\.field))
            wrong += invalid.fields.filter { !named.contains($0.field) }
        }
        if case .link(let link) = submission.request.image, !wrong.contains(where: { $0.field == "image" }),
            let problem = PictureLink.problem(with: link, mayBePrivate: settings.allowsPrivateLinks)
        {
            note(problem)
        }
        guard wrong.isEmpty else { throw EditRequest.Invalid(fields: wrong) }
        return submission
    }

    private func submit(
        _ checked: JobSubmission, under key: Store.Order.Key?, _ image: SubmittedImage, _ catalog: ModelCatalog,
        _ call: Call
    ) async throws -> Response {
        let caller = call.caller
        var submission = checked
        if let file = image.file { submission.request.image = .content(try await keep(file, for: caller).hash) }
        let request = try submission.request.validated(by: catalog, drawSeed: settings.drawSeed).get()
        let options = submission.options
        let order = Store.Order(
            owner: caller.user, request: request, lane: catalog.lane(for: request.model),
            priority: options.priority ?? 0, label: options.label,
            notBefore: options.notBefore?.timestamp, onUnknown: options.onUnknown ?? .fail,
            key: key)

        let result = try await store.submit(order)
        if case .unknownInput = result, case .content(let hash) = request.image { throw Problem.noSuchInput(hash) }
        return try await response(to: result, call)
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

extension ContentHash {
    /// Stands for a picture whose hash is not known before it is kept.
    fileprivate static let placeholder = ContentHash(digest: [UInt8](repeating: 0, count: 32))
}
