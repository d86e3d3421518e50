import FluxqArchive
import FluxqControl
import FluxqControlServer
import FluxqFormats
import FluxqMaintenance
import FluxqModel
import FluxqStore
import FluxqWords
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import NIOCore

/// The pictures of a job that is done, opened and verified in the archive.
struct PictureAnswer {
    struct Item {
        let picture: StoredPicture
        let index: Int
        let file: ArchivedFile
    }

    /// What the answer says of fluxq's job besides the pictures.
    struct Note: Encodable {
        var job: Int64
        var seed: Int64?
        /// Of this request: nothing if it was replayed.
        var cost: String?
        var currency: String?
        var images: [String]
        var replayed: Bool
        var warning: String?
        var ignored: [String]?
    }

    let job: Job
    let items: [Item]

    /// Pictures of the job's latest call that are still in the archive.
    ///
    /// - Throws: `DoorError` if there is none, or one of them is damaged.
    init(_ job: Job, _ quarantine: Quarantine) async throws {
        self.job = job
        let saved = job.pictures.compactMap { picture -> (Picture, StoredPicture)? in
            if case .saved(let stored) = picture.state { (picture, stored) } else { nil }
        }
        let latest = saved.map(\.0.attempt).max()
        var items: [Item] = []
        for (picture, stored) in saved where picture.attempt == latest {
            guard let file = try await quarantine.open(stored.hash) else {
                throw DoorError(
                    424, DoorError.server, "picture_damaged",
                    "Picture \(picture.index) of job \(job.id) is damaged in the archive. fluxq status \(job.id) says "
                        + "whether it is downloaded again; then send the request again.", job: job.id)
            }
            items.append(Item(picture: stored, index: picture.index, file: file))
        }
        self.items = items
        guard !items.isEmpty else {
            throw DoorError(
                424, DoorError.server, "no_image",
                "Job \(job.id) has no picture in the archive: fluxq status \(job.id).", job: job.id)
        }
    }

    /// The time when the API made the pictures, else that of the job's end. Seconds since 1970.
    private var created: Int64 { (job.answer?.created ?? job.finishedAt ?? job.createdAt).rawValue / 1000 }

    /// The API's own usage, if it has the members that clients compute with.
    private var usage: JSONValue? {
        guard let text = job.answer?.usage else { return nil }
        let usage = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        let counts = ["input_tokens", "output_tokens", "total_tokens"].map { usage?[$0]?.integer }
        let details = ["image_tokens", "text_tokens"].map { usage?["input_tokens_details"]?[$0]?.integer }
        return (counts + details).contains(nil) ? nil : usage
    }

    // MARK: One JSON document

    /// The parts of the document: text, and pictures as base64 between it.
    private enum Part {
        case text(String)
        case picture(ArchivedFile)

        var count: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .picture(let file): Int((file.size + 2) / 3 * 4)
            }
        }
    }

    /// - Parameters:
    ///   - forms: the forms in which each picture is sent; at least one.
    ///   - base: the address before `/v1/`, for links.
    func response(forms: Set<EditRequest.ResponseFormat>, base: String, note: Note) throws -> Response {
        var parts: [Part] = [.text(#"{"created":\#(created),"data":["#)]
        for (place, item) in items.enumerated() {
            parts.append(.text(place == 0 ? "{" : ",{"))
            if forms.contains(.b64JSON) { parts += [.text(#""b64_json":""#), .picture(item.file), .text("\"")] }
            if forms.contains(.url) {
                let link = try jsonLine("\(base)/v1/jobs/\(job.id)/images/\(item.index)")
                parts.append(.text((forms.contains(.b64JSON) ? "," : "") + #""url":"# + link))
            }
            parts.append(.text("}"))
        }
        parts.append(.text(#"],"fluxq":\#(try jsonLine(note))"#))
        if let usage { parts.append(.text(#","usage":\#(try jsonLine(usage))"#)) }
        parts.append(.text("}\n"))
        let all = parts
        return Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "private, no-store"],
            body: ResponseBody(contentLength: all.reduce(0) { $0 + $1.count }) { writer in
                var isFirst = true
                for part in all {
                    switch part {
                    case .text(let text): try await writer.write(ByteBuffer(string: text))
                    case .picture(let file): try await Self.write(file, to: &writer)
                    }
                    if isFirst { CrashPoint.doorAnswerBegun.pass() }
                    isFirst = false
                }
                try await writer.finish(nil)
                CrashPoint.doorAnswerSent.pass()
            })
    }

    /// A multiple of three, so that the pieces' base64 joins without padding.
    private static let pieceBytes: Int64 = 192 << 10

    /// Writes a picture as bare base64, a piece at a time.
    private static func write(_ file: ArchivedFile, to writer: inout any ResponseBodyWriter) async throws {
        var offset: Int64 = 0
        while offset < file.size {
            let count = min(pieceBytes, file.size - offset)
            let piece = try await file.read(at: offset, count: Int(count))
            guard piece.readableBytes == Int(count) else { throw ShrunkFile() }
            offset += count
            try await writer.write(ByteBuffer(string: Data(piece.readableBytesView).base64EncodedString()))
        }
    }

    /// An archived file became shorter while it was read.
    private struct ShrunkFile: Error {}

    // MARK: Server-sent events

    /// One event for each picture, in the shape that OpenAI's clients require.
    func writeEvents(named name: String, note: Note, to writer: inout any ResponseBodyWriter) async throws {
        for item in items {
            let format = item.picture.mediaType.split(separator: "/").last ?? "png"
            try await writer.write(
                ByteBuffer(
                    string: "event: \(name)\n"
                        + #"data: {"type":"\#(name)","background":"opaque","created_at":\#(created),"#
                        + #""output_format":"\#(format)","quality":"auto","size":"auto","usage":{"input_tokens":0,"#
                        + #""input_tokens_details":{"image_tokens":0,"text_tokens":0},"output_tokens":0,"total_tokens":0},"#
                        + #""fluxq":\#(try jsonLine(note)),"b64_json":""#))
            CrashPoint.doorAnswerBegun.pass()
            try await Self.write(item.file, to: &writer)
            try await writer.write(ByteBuffer(string: "\"}\n\n"))
        }
    }
}
