import FluxqFormats
import FluxqModel
import NIOCore

/// Reads a 2xx answer while it streams in. Pictures go to the receiver, links are kept, and what remains is small.
///
/// `url` and `b64_json` are read alike, because either may hold either: a text with a scheme is a link, any other is a
/// picture in base64, with or without a `data:` prefix.
struct AnswerReader {
    enum Limits {
        /// The answer without its pictures and links.
        static let remainderBytes = 1 << 20
        static let linkBytes = 16 * 1024
        /// Four can be asked for; more than this is no answer to anything.
        static let captures = 16

        /// The whole answer: the four pictures that can be asked for, each as base64 with room for escapes and line
        /// breaks, and the remainder. What goes on beyond that is not read.
        static func answerBytes(maxPictureBytes: Int64) -> Int64 {
            4 * 2 * maxPictureBytes + Int64(remainderBytes)
        }
    }

    /// A picture could not be stored here.
    struct NotStored: Error {
        let underlying: any Error
    }

    /// What came of one `url` or `b64_json`.
    enum Capture: Hashable {
        case empty
        case link(String)
        /// Its ordinal among the pictures.
        case picture(Int)
        case invalid(String)
    }

    /// A text at one of the two keys, while it streams in.
    private enum Current {
        case none
        /// Too early to say; white space before it is dropped.
        case undecided([UInt8])
        case link([UInt8])
        case picture(Base64Decoder)
        /// Beyond use: the rest of it is dropped.
        case skipped(Capture)
    }

    private let receiver: any PictureReceiver
    private let maxPictureBytes: Int64
    private var diverter = JSONDiverter(
        path: [.key("data"), .anyIndex, .anyKey(["b64_json", "url"])], remainderLimit: Limits.remainderBytes)
    private var current = Current.none
    /// Where the picture being read goes; nil until its first byte.
    private var sink: (any PictureSink)?
    private var pictureBytes: Int64 = 0
    private var pictures = 0

    private var bytesRead: Int64 = 0

    private(set) var captures: [Capture] = []
    /// The answer or its remainder was longer than the limit; the rest of it is not read.
    private(set) var isTooLong = false

    init(receiver: any PictureReceiver, maxPictureBytes: Int64) {
        self.receiver = receiver
        self.maxPictureBytes = maxPictureBytes
    }

    mutating func read(_ bytes: ByteBuffer) async throws(NotStored) {
        guard !isTooLong else { return }
        bytesRead += Int64(bytes.readableBytes)
        guard bytesRead <= Limits.answerBytes(maxPictureBytes: maxPictureBytes) else {
            isTooLong = true
            return try await abandon()
        }
        let events: [JSONDiverter.Event]
        do {
            events = try diverter.consume(bytes.readableBytesView)
        } catch {
            isTooLong = true
            return try await abandon()
        }
        for event in events {
            switch event {
            case .begin:
                current = captures.count < Limits.captures ? .undecided([]) : .skipped(.invalid("one too many"))
            case .bytes(let text): try await take(text)
            case .end: try await endCurrent()
            }
        }
    }

    /// The answer is over or broke off; a picture that was under way is none.
    mutating func abandon() async throws(NotStored) {
        if case .none = current { return }
        try await fail("it broke off")
        try await endCurrent()
    }

    /// Begins as JSON and does not end as such.
    var looksCut: Bool {
        let first = diverter.remainder.first { !Self.isSpace($0) }
        return !isTooLong && !diverter.isComplete && (first == UInt8(ascii: "{") || first == UInt8(ascii: "["))
    }

    /// The JSON, with markers in place of what was captured.
    var remainder: [UInt8] { diverter.remainder }

    /// What the string at `url` or `b64_json` stood for.
    func capture(for text: String) -> Capture? {
        diverter.ordinal(ofMarker: text).flatMap { $0 < captures.count ? captures[$0] : .invalid("one too many") }
    }

    /// The remainder as a person would want to see it.
    func readableRemainder() -> String {
        let text = diverter.remainder { ordinal in
            switch ordinal < captures.count ? captures[ordinal] : .invalid("one too many") {
            case .empty: "\"\""
            case .link(let link): "\"\(link)\""
            case .picture(let ordinal): "\"(picture \(ordinal + 1))\""
            case .invalid(let reason): "\"(not a picture: \(reason))\""
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: - One text

    private mutating func take(_ text: [UInt8]) async throws(NotStored) {
        switch current {
        case .none, .skipped: break
        case .undecided(let held):
            let held = Array((held + text).drop(while: Self.isSpace))
            current = .undecided(held)
            if let isLink = Self.isLink(held) { try await decide(isLink: isLink, held) }
        case .link(let held):
            current = .link(held + text)
            if held.count + text.count > Limits.linkBytes {
                current = .skipped(.invalid("a link of more than \(Limits.linkBytes) bytes"))
            }
        case .picture(let decoder):
            try await decode(text, with: decoder)
        }
    }

    private mutating func decide(isLink: Bool, _ held: [UInt8]) async throws(NotStored) {
        if isLink {
            current = .link([])
        } else {
            pictureBytes = 0
            current = .picture(Base64Decoder())
        }
        try await take(held)
    }

    private mutating func decode(_ text: [UInt8], with decoder: Base64Decoder) async throws(NotStored) {
        var decoder = decoder
        // Not a copy any more, so that the decoder is changed in place.
        current = .none
        let decoded: [UInt8]
        do {
            decoded = try decoder.decode(text)
        } catch {
            return try await fail("its base64 is broken")
        }
        current = .picture(decoder)
        try await store(decoded)
    }

    private mutating func endCurrent() async throws(NotStored) {
        if case .undecided(let held) = current, !held.isEmpty { try await decide(isLink: false, held) }
        if case .picture(var decoder) = current {
            do {
                try await store(decoder.finish())
            } catch let error as NotStored {
                throw error
            } catch {
                try await fail("its base64 is broken")
            }
        }
        let capture: Capture
        switch current {
        case .none, .undecided: capture = .empty
        case .link(let link):
            let trimmed = link.reversed().drop(while: Self.isSpace).reversed()
            capture = .link(String(decoding: Array(trimmed), as: UTF8.self))
        case .picture:
            capture = sink == nil ? .empty : .picture(pictures)
        case .skipped(let skipped): capture = skipped
        }
        current = .none
        if sink != nil { try await endPicture(isValid: true) }
        if captures.count < Limits.captures { captures.append(capture) }
    }

    private mutating func store(_ bytes: [UInt8]) async throws(NotStored) {
        guard !bytes.isEmpty else { return }
        pictureBytes += Int64(bytes.count)
        guard pictureBytes <= maxPictureBytes else {
            return try await fail("it is larger than downloads.max_bytes, \(maxPictureBytes) bytes")
        }
        do {
            let sink: any PictureSink
            if let open = self.sink {
                sink = open
            } else {
                sink = try await receiver.beginPicture(pictures)
                self.sink = sink
            }
            try await sink.write(ByteBuffer(bytes: bytes))
        } catch {
            throw NotStored(underlying: error)
        }
    }

    private mutating func fail(_ reason: String) async throws(NotStored) {
        current = .skipped(.invalid(reason))
        if sink != nil { try await endPicture(isValid: false) }
    }

    private mutating func endPicture(isValid: Bool) async throws(NotStored) {
        let ordinal = pictures
        sink = nil
        pictures += 1
        do {
            try await receiver.endPicture(ordinal, isValid: isValid)
        } catch {
            throw NotStored(underlying: error)
        }
    }

    /// Nil while it may be either. A scheme ends with a colon, which base64 does not have; `data:` is a scheme of its own.
    private static func isLink(_ text: [UInt8]) -> Bool? {
        if let colon = text.prefix(longestScheme).firstIndex(of: UInt8(ascii: ":")) {
            return String(decoding: text[..<colon], as: UTF8.self).lowercased() != "data"
        }
        return text.count >= longestScheme ? false : nil
    }

    private static let longestScheme = 16

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
