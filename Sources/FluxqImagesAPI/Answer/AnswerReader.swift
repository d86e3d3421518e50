import FluxqFormats
import FluxqModel
import NIOCore

/// Reads a 2xx answer while it streams in. It sends pictures to the receiver and keeps links; the remainder is small.
///
/// ```
/// bytes → content codings decoded → event framing removed → JSON, strings that may be pictures removed
/// ```
struct AnswerReader {
    enum Limits {
        /// Bytes of the answer without its pictures and links.
        static let remainderBytes = 1 << 20
        /// The number of server-sent events, or of lines of JSON.
        static let documents = 4096

        /// Bytes of the whole answer, decoded: the four pictures that a request can ask for, each as base64 with room
        /// for escapes and line breaks, and the remainder. Anything beyond that is not read.
        static func answerBytes(maxPictureBytes: Int64) -> Int64 {
            4 * 2 * maxPictureBytes + Int64(remainderBytes)
        }
    }

    private let maxPictureBytes: Int64
    private let decoder: ContentDecoder
    private var framing: BodyFraming
    private var captures: CaptureReader
    /// The document being read.
    private var open: AnswerDocument?
    /// The number of documents before the current event.
    private var documentsBefore = 0
    private var event: String?
    /// True in a line outside of any document.
    private var isText = false
    private var remainderBytes = 0
    private var bytesRead: Int64 = 0
    private var codingProblem: String?

    private(set) var documents: [AnswerDocument] = []
    /// Text outside of JSON.
    private(set) var text: [UInt8] = []
    /// The whole body, if it is a picture or a bare string.
    private(set) var body: Capture?
    /// True if the answer or its remainder was longer than the limit. The rest is not read.
    private(set) var isTooLong = false
    /// True after `[DONE]`, the last event of an answer in events.
    private(set) var saidDone = false
    /// True if the last document was cut.
    private(set) var isCut = false

    /// - Parameters:
    ///   - codings: the values of Content-Encoding.
    ///   - mediaType: Content-Type.
    init(
        receiver: any PictureReceiver, maxPictureBytes: Int64, codings: [String] = [], mediaType: String? = nil
    ) {
        self.maxPictureBytes = maxPictureBytes
        decoder = ContentDecoder(header: codings)
        framing = BodyFraming(mediaType: mediaType)
        captures = CaptureReader(receiver: receiver, maxPictureBytes: maxPictureBytes)
    }

    mutating func read(_ bytes: ByteBuffer) async throws(NotStored) {
        guard !isTooLong, codingProblem == nil else { return }
        decoder.add(bytes)
        try await readDecoded(isEnd: false)
    }

    /// Ends the answer. A picture or link that was not finished is dropped or marked as broken.
    /// - Parameter isBrokenOff: true if the answer ended early.
    mutating func finish(isBrokenOff: Bool) async throws(NotStored) {
        if !isTooLong {
            decoder.end()
            if codingProblem == nil { try await readDecoded(isEnd: true) }
            try await take(framing.read([], isEnd: true))
        }
        try await end(isBrokenOff: isBrokenOff)
    }

    /// The kind of the body, by its first bytes; nil if there are none yet.
    var kind: BodyFraming.Kind? { framing.kind }

    /// The reason why the body cannot be read, or not to its end; nil if it can.
    var codingDefect: String? {
        if let codingProblem { return codingProblem }
        if isTooLong { return nil }
        if !decoder.isWhole { return "its compressed body ends early" }
        let isRead = !documents.isEmpty || body?.isSomething == true || kind == .page
        return isRead ? nil : decoder.unreadable.map { "its body came as \($0), which fluxqd cannot read" }
    }

    /// True if the whole answer has arrived, as far as its text shows.
    var isComplete: Bool {
        switch kind {
        case .documents: !isTooLong && !isCut && !documents.isEmpty
        case .events: !isTooLong && !isCut && saidDone
        case .picture, .bare, .page, nil: false
        }
    }

    /// The answer in a form for people, without its pictures.
    var readable: String {
        var lines = documents.map { String(decoding: $0.readable, as: UTF8.self) }
        if !text.isEmpty || lines.isEmpty { lines.append(String(decoding: text, as: UTF8.self)) }
        return lines.joined(separator: "\n")
    }

    // MARK: - Pieces

    private mutating func readDecoded(isEnd: Bool) async throws(NotStored) {
        while !isTooLong {
            let piece: ByteBuffer
            do {
                guard let next = try decoder.next() else { return }
                piece = next
            } catch {
                return codingProblem = error.problem
            }
            bytesRead += Int64(piece.readableBytes)
            guard bytesRead <= Limits.answerBytes(maxPictureBytes: maxPictureBytes) else {
                return isTooLong = true
            }
            try await take(framing.read(Array(piece.readableBytesView)))
        }
    }

    private mutating func take(_ parts: [BodyFraming.Part]) async throws(NotStored) {
        for part in parts where !isTooLong {
            switch part {
            case .payload(let bytes): try await takePayload(bytes)
            case .name(let name): event = name
            case .boundary: try await endEvent()
            }
        }
    }

    private mutating func takePayload(_ bytes: ArraySlice<UInt8>) async throws(NotStored) {
        switch framing.kind {
        case .documents, .events, nil: try await takeDocuments(bytes)
        case .page: keep(bytes)
        case .picture, .bare:
            if body == nil {
                body = .empty
                if framing.kind == .picture { captures.beginRaw() } else { captures.begin(.loose) }
            }
            try await captures.take(Array(bytes))
        }
    }

    private mutating func takeDocuments(_ bytes: ArraySlice<UInt8>) async throws(NotStored) {
        var rest = bytes
        while let first = rest.first, !isTooLong {
            if open != nil {
                rest = rest.dropFirst(try await readOpen(rest))
            } else if isText {
                let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
                keep(rest[..<end])
                isText = end == rest.endIndex
                rest = rest[end...]
            } else if Self.isFiller(first) {
                keep([first])
                rest = rest.dropFirst()
            } else if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\"") {
                guard documents.count < Limits.documents else { return isTooLong = true }
                open = AnswerDocument(remainderLimit: Limits.remainderBytes - remainderBytes)
            } else {
                isText = true
            }
        }
    }

    /// - Returns: the number of bytes that belong to the open document.
    private mutating func readOpen(_ bytes: ArraySlice<UInt8>) async throws(NotStored) -> Int {
        guard var document = open else { return 0 }
        // Moved out of the reader while it grows.
        open = nil
        let events: [JSONDiverter.Event]
        let count: Int
        do {
            (events, count) = try document.consume(bytes)
        } catch {
            open = document
            isTooLong = true
            return bytes.count
        }
        for event in events {
            switch event {
            case .begin(let ordinal): captures.begin(PictureName(document.diverter.places[ordinal].name))
            case .bytes(let text): try await captures.take(text)
            case .end: document.append(try await captures.end())
            }
        }
        open = document
        if document.isComplete { closeDocument() }
        return count
    }

    private mutating func closeDocument() {
        guard var document = open else { return }
        open = nil
        document.event = event
        remainderBytes += document.diverter.remainder.count
        documents.append(document)
    }

    private mutating func endEvent() async throws(NotStored) {
        if open != nil { try await breakOffDocument() }
        isText = false
        for index in documentsBefore..<max(documents.count, documentsBefore) {
            documents[index].event = documents[index].event ?? event
            if documents[index].diverter.remainder == Array("[DONE]".utf8) { saidDone = true }
            let document = documents[index]
            if document.captures.contains(where: \.isSomething), document.isPreview(document.json) {
                await captures.discard(document.captures)
            }
        }
        documentsBefore = documents.count
        event = nil
    }

    private mutating func end(isBrokenOff: Bool) async throws(NotStored) {
        if body != nil {
            // A picture's own bytes show whether it is whole.
            let isWhole = framing.kind == .picture || !isBrokenOff && !isTooLong
            body = isWhole ? try await captures.end() : try await captures.breakOff()
        }
        if open != nil { try await breakOffDocument() }
        if framing.kind == .events { try await endEvent() }
    }

    private mutating func breakOffDocument() async throws(NotStored) {
        isCut = !isTooLong && open?.diverter.isOpaque == false
        // The last string has begun but has no capture yet.
        if let document = open, document.captures.count < document.diverter.places.count {
            open?.append(try await captures.breakOff())
        }
        closeDocument()
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        guard remainderBytes + bytes.count <= Limits.remainderBytes else { return isTooLong = true }
        remainderBytes += bytes.count
        text += bytes
    }

    private static func isFiller(_ byte: UInt8) -> Bool {
        // The last one is the record separator of JSON text sequences (RFC 7464).
        byte == 0x20 || (0x09...0x0D).contains(byte) || byte == 0x1E
    }
}
