import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqHost
import FluxqModel
import FoundationEssentials

/// Downloads a job's pictures into a directory and prints their paths.
struct PictureFetch {
    let client: ControlClient
    let console: Console
    let directory: OutputDirectory

    /// Fetches every picture of a job, or one.
    ///
    /// - Throws: `CommandFailure` if there is nothing to fetch, or if pictures are missing or not available yet.
    func fetch(_ job: JobDocument, index: Int? = nil) async throws {
        let wanted = job.images.filter { index == nil || $0.index == index }
        for image in wanted { try await fetch(image, of: job) }
        if let complaint = Self.missing(in: job, index: index) { throw complaint }
    }

    private func fetch(_ image: JobDocument.ImageDocument, of job: JobDocument) async throws {
        guard let hash = ContentHash(wire: image.hash) else {
            throw CommandFailure(
                .unavailable, code: "protocol_error", "The daemon sent a picture without a valid hash.")
        }
        if !image.isPicture {
            console.note(
                "picture \(image.index) of job \(job.id) is not a complete picture of a known format. "
                    + "\(image.message ?? "")")
        }
        let path = try await directory.save(Self.name(of: image, job: job.id), hash: hash, bytes: image.bytes) {
            try await client.image(job.id, index: image.index, into: $0)
        }
        if console.json {
            var line: [String: JSONValue] = [
                "id": .integer(job.id), "index": .integer(Int64(image.index)), "path": .string(path.text),
                "hash": .string(image.hash), "media_type": .string(image.mediaType),
            ]
            // JSON is text: if the path is not, its bytes are added in base64.
            if path.exactText == nil { line["path_base64"] = .string(Data(path.bytes).base64EncodedString()) }
            if let bytes = image.bytes { line["bytes"] = .integer(bytes) }
            if !image.isPicture { line["usable"] = .bool(false) }
            if let message = image.message { line["message"] = .string(message) }
            try console.print(.object(line))
        } else {
            try console.print(path)
        }
    }

    /// `<id>-<index>.<ext>`. The extension follows the file's format; `bin` if fluxq does not know the format.
    static func name(of image: JobDocument.ImageDocument, job: Int64) -> String {
        let suffix = PictureFormat(mediaType: image.mediaType)?.fileExtension ?? "bin"
        return "\(job)-\(image.index).\(suffix)"
    }

    /// The failure to report if all pictures (or the picture of `index`) were wanted; nil if none is missing.
    static func missing(in job: JobDocument, index: Int?) -> CommandFailure? {
        let words = JobWords(job)
        if let damaged = job.damaged?.first(where: { index == nil || $0.index == index }) {
            return CommandFailure(
                damaged.isFetchedAgain ? .tryLater : .jobFailed,
                code: damaged.isFetchedAgain
                    ? Problem.Code.pictureRefetched.rawValue : Problem.Code.pictureDamaged.rawValue,
                "Job \(job.id): \(damaged.message)")
        }
        if let index {
            if job.images.contains(where: { $0.index == index }) { return nil }
            guard words.isFinished else { return notYet(job, "picture \(index) is not available yet") }
            if let lost = job.lost?.first(where: { $0.index == index }) {
                return CommandFailure(
                    .jobFailed, code: "no_picture", "Picture \(index) of job \(job.id) is lost: \(lost.message)")
            }
            let has = job.images.map { "\($0.index)" }.joined(separator: ", ")
            return CommandFailure(
                .badInput, code: "no_such_image",
                "Job \(job.id) has no picture \(index)" + (has.isEmpty ? "; it has none." : "; it has \(has)."))
        }
        guard words.isFinished else {
            return notYet(job, job.images.isEmpty ? "no picture is available yet" : "more pictures are still expected")
        }
        guard job.images.isEmpty else { return nil }
        return CommandFailure(
            .jobFailed, code: "no_picture", "No picture to fetch (see: fluxq status \(job.id)): \(words.summary)")
    }

    private static func notYet(_ job: JobDocument, _ what: String) -> CommandFailure {
        CommandFailure(
            .tryLater, code: "not_finished",
            "Job \(job.id) is \(JobWords(job).state): \(what). Wait for it with: fluxq wait \(job.id)")
    }
}
