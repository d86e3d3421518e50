import Crypto
import FluxqArchive
package import FluxqControl
import FluxqFormats
import FluxqImagesAPI
package import FluxqModel
package import FluxqStore
import FoundationEssentials

// From a submission that was read to its job: the same steps for every interface.
extension Routes {
    /// A fingerprint of the submission's request and options, taken before defaults are filled in, with the picture's
    /// hash. So submissions that ask for the same have the same fingerprint in whatever form they were written.
    ///
    /// - Returns: nil if its picture cannot be read.
    package func fingerprint(of read: JobSubmission, _ image: SubmittedImage) async throws -> ContentHash? {
        var submission = read
        switch image.content {
        case .absent: break
        case .text(let text, let bytes):
            guard bytes <= EditRequest.Bounds.linkBytes else { return nil }
            submission.request.image = .init(wire: String(decoding: text, as: UTF8.self))
        case .picture(let file): submission.request.image = .content(try await archive.spool.hash(of: file))
        case .undecodable: return nil
        }
        return ContentHash(digest: Array(SHA256.hash(data: Data(try jsonLine(submission).utf8))))
    }

    /// Finds all errors at once: types, ranges, and the picture's bytes.
    /// - Returns: the submission; if its picture was sent as bytes, with a placeholder hash.
    package func check(
        _ reading: (submission: JobSubmission, wrong: [EditRequest.FieldError]), _ image: SubmittedImage,
        _ catalog: ModelCatalog, of uid: UInt32
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
            let inspected = try await uploadTurns.take(uid) { try await archive.spool.inspect(file) }
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

    /// Keeps the picture, then queues the job of a checked submission.
    ///
    /// - Parameters:
    ///   - image: its picture, if it was sent as bytes.
    ///   - door: of an OpenAI-compatible request.
    package func submit(
        _ checked: JobSubmission, under key: Store.Order.Key?, _ image: SubmittedImage, _ catalog: ModelCatalog,
        of caller: Caller, door: Store.Order.Door? = nil
    ) async throws -> Store.Submission {
        var submission = checked
        if let file = image.file { submission.request.image = .content(try await keep(file, for: caller).hash) }
        let request = try submission.request.validated(by: catalog, drawSeed: settings.drawSeed).get()
        let options = submission.options
        let order = Store.Order(
            owner: caller.user, request: request, lane: catalog.lane(for: request.model),
            priority: options.priority ?? 0, label: options.label,
            notBefore: options.notBefore?.timestamp, onUnknown: options.onUnknown ?? .fail,
            key: key, door: door)

        let result = try await store.submit(order)
        if case .unknownInput = result, case .content(let hash) = request.image { throw Problem.noSuchInput(hash) }
        return result
    }
}

extension ContentHash {
    /// Stands for a picture whose hash is not known before it is kept.
    fileprivate static let placeholder = ContentHash(digest: [UInt8](repeating: 0, count: 32))
}
