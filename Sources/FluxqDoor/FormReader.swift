import FluxqArchive
import FluxqControl
import FluxqControlServer
import FluxqFormats
import FluxqModel
import FoundationEssentials
import HTTPTypes
import NIOCore

/// Reads a request's body as it arrives. Its picture goes straight to a file; everything else is small.
struct FormReader {
    private enum Limits {
        /// The body without its picture: the longest prompts fit, even with every character escaped.
        static let fieldBytes = 256 << 10
        static let values = 1000
        /// The body around the picture, with the other pictures that are discarded.
        static let otherBytes: Int64 = 64 << 20
    }

    /// Fields of OpenAI's API that hold another file than the picture to edit.
    private static let files = ["mask", "mask[]", "markup"]

    let call: Call
    let routes: Routes
    private var form: DoorForm
    private var bytes: Int64 = 0
    /// The largest body.
    private let limit: Int64

    init(_ call: Call, _ routes: Routes) {
        self.call = call
        self.routes = routes
        let maxBytes = routes.settings.maxInputBytes
        limit = 2 * maxBytes + Limits.otherBytes
        form = DoorForm(
            image: SubmittedImage(
                spool: routes.archive.spool, uploads: routes.uploads, owner: call.caller.user, maxBytes: maxBytes))
    }

    /// - Throws: `DoorError`, `Problem`, and the errors of the body and the archive. Then nothing is kept.
    mutating func read() async throws -> DoorForm {
        if let length = call.contentLength, length > limit { throw DoorError.bodyTooLarge(limit) }
        do {
            let type = call.head.headerFields[.contentType] ?? ""
            if type.lowercased().hasPrefix("multipart/") {
                try await readMultipart(type)
            } else {
                try await readJSON()
            }
            return form
        } catch {
            if let file = form.image.file { await routes.archive.spool.discard(file) }
            throw error
        }
    }

    /// The next piece of the body; nil at its end.
    private mutating func piece() async throws -> ByteBuffer? {
        guard let piece = try await call.body.piece() else { return nil }
        bytes += Int64(piece.readableBytes)
        guard bytes <= limit else { throw DoorError.bodyTooLarge(limit) }
        return piece
    }

    // MARK: Multipart

    /// The part of the body that is being read.
    private enum Part {
        case field(String, [UInt8])
        case picture
        /// Of a picture field without a file name: its first byte shows whether it is a picture or a text.
        case pictureOrText
        /// A link, a `data:` URI or a hash.
        case pictureText
        /// A file that is no picture to edit.
        case otherFile(String)
        /// A picture after the first one.
        case discarded
    }

    private mutating func readMultipart(_ type: String) async throws {
        var reader: MultipartReader
        do throws(MultipartReader.Malformed) {
            guard type.lowercased().hasPrefix("multipart/form-data") else { throw .noBoundary }
            reader = try MultipartReader(contentType: type)
        } catch {
            throw DoorError.malformed("\(error)")
        }
        var part = Part.discarded
        var fieldBytes = 0
        while let piece = try await piece() {
            let events: [MultipartReader.Event]
            do {
                events = try await routes.perUserLock.take(call.caller.uid) { try reader.read(piece.readableBytesView) }
            } catch let malformed as MultipartReader.Malformed {
                throw DoorError.malformed("\(malformed)")
            }
            for event in events {
                switch event {
                case .head(let head): part = begin(head)
                case .bytes(let bytes): try await take(bytes, into: &part, &fieldBytes)
                case .end: try await end(part)
                }
            }
        }
        do throws(MultipartReader.Malformed) {
            try reader.finish()
        } catch {
            throw DoorError.malformed("\(error)")
        }
    }

    private mutating func begin(_ head: MultipartReader.Head) -> Part {
        if DoorForm.isPicture(head.name) {
            form.pictures += 1
            guard form.pictures == 1 else { return .discarded }
            return head.fileName == nil ? .pictureOrText : .picture
        }
        // A text may be sent from a file: curl -F prompt=@FILE.
        let isText = head.fileName == nil || EditRequest.CodingKeys(rawValue: head.name) != nil
        return isText ? .field(head.name, []) : .otherFile(head.name)
    }

    private mutating func take(_ bytes: [UInt8], into part: inout Part, _ fieldBytes: inout Int) async throws {
        switch part {
        case .field(let name, let text):
            fieldBytes += bytes.count
            guard fieldBytes <= Limits.fieldBytes else { throw DoorError.fieldsTooLarge(Limits.fieldBytes) }
            part = .field(name, text + bytes)
        case .picture: try await form.image.takePicture(bytes)
        case .pictureOrText:
            if let first = bytes.first, Self.mayBeginText(first) {
                part = .pictureText
                try await form.image.take(.begin(ordinal: 0))
                try await form.image.take(.bytes(bytes))
            } else {
                part = .picture
                try await form.image.takePicture(bytes)
            }
        case .pictureText: try await form.image.take(.bytes(bytes))
        // A form's file field that nobody has filled in is empty.
        case .otherFile(let name): form.otherFiles.insert(name)
        case .discarded: break
        }
    }

    private mutating func end(_ part: Part) async throws {
        switch part {
        case .field(let name, let text):
            guard text.isEmpty || !Self.files.contains(name) else {
                form.otherFiles.insert(name)
                return
            }
            // Another prompt than the client's would be bought.
            guard let string = String(validating: text, as: UTF8.self) else {
                throw DoorError.field(name, "must be UTF-8")
            }
            guard form.fields.updateValue(.string(string), forKey: name) == nil else {
                throw DoorError.field(name, "is given more than once")
            }
        case .pictureText: try await form.image.take(.end)
        case .pictureOrText, .picture, .otherFile, .discarded: break
        }
    }

    /// Links, `data:` URIs and hashes begin with one of these; no picture format does.
    private static func mayBeginText(_ byte: UInt8) -> Bool { "hHdDsS".utf8.contains(byte) }

    // MARK: JSON

    /// `image` as a string, or as a list of them; `images` as a list of objects with `image_url`; `mask` likewise.
    private mutating func readJSON() async throws {
        var diverter = JSONDiverter(
            names: ["image", "imageurl"], remainderLimit: Limits.fieldBytes, depthLimit: JSONBounds.depth)
        while let piece = try await piece() {
            let events: [JSONDiverter.Event]
            do {
                events = try await routes.perUserLock.take(call.caller.uid) {
                    try diverter.consume(piece.readableBytesView)
                }
            } catch {
                throw DoorError.fieldsTooLarge(Limits.fieldBytes)
            }
            for event in events {
                if case .begin(let ordinal) = event { form.pictures = ordinal + 1 }
                if form.pictures <= 1 { try await form.image.take(event) }
            }
        }
        if bytes == 0 { throw DoorError.malformed("it is empty. Send the fields as JSON or multipart/form-data") }
        let json: JSONValue = try await routes.perUserLock.take(call.caller.uid) {
            guard JSONBounds.hold(for: diverter.remainder, values: Limits.values) else {
                throw DoorError.malformed("it has more than \(Limits.values) values, or is nested too deep")
            }
            do {
                return try JSONDecoder().decode(JSONValue.self, from: Data(diverter.remainder))
            } catch {
                throw DoorError.malformed("it is not valid JSON: a syntax error, or an early end")
            }
        }
        guard case .object(var fields) = json else { throw DoorError.malformed("it is not a JSON object") }
        for name in Self.files where ![nil, .null, .string("")].contains(fields[name]) { form.otherFiles.insert(name) }
        try Self.checkPictures(fields, form.pictures)
        for name in ["image", "images", "image_url"] + Self.files { fields[name] = nil }
        form.fields = fields
    }

    /// A picture that cannot be read must not be left out: another one would be bought.
    private static func checkPictures(_ fields: [String: JSONValue], _ pictures: Int) throws(DoorError) {
        for name in ["image", "images", "image_url"] {
            guard let value = fields[name], value != .null, value != .array([]) else { continue }
            if pictures == 0 {
                throw .field(
                    name,
                    "must be a picture as a data: URI or a link: a string, a list of one, or "
                        + #"[{"image_url": "…"}], but is \#(value.kind)"#)
            }
        }
    }
}

extension DoorError {
    static func malformed(_ why: String) -> DoorError {
        DoorError(400, invalidRequest, "bad_request", "The body cannot be read: \(why). Nothing was queued.")
    }

    static func field(_ name: String, _ problem: String) -> DoorError {
        DoorError(400, invalidRequest, "invalid_fields", param: name, "\(name) \(problem). Nothing was queued.")
    }

    static func bodyTooLarge(_ limit: Int64) -> DoorError {
        DoorError(
            413, invalidRequest, "too_large",
            "The body has more than \(limit) bytes. Send one picture. Nothing was queued.")
    }

    static func fieldsTooLarge(_ limit: Int) -> DoorError {
        DoorError(
            413, invalidRequest, "too_large",
            "Without its picture the body has more than \(limit) bytes. Nothing was queued.")
    }
}
