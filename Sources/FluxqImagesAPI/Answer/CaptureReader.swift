import FluxqFormats
import NIOCore

/// A picture could not be stored on this host.
struct NotStored: Error {
    let underlying: any Error
}

/// Reads the strings of an answer that may be pictures or links, one after the other, while they stream in. It sends
/// pictures to the receiver.
struct CaptureReader {
    enum Limits {
        static let linkBytes = 16 * 1024
        /// A request can ask for four; more pictures than this fit no request.
        static let pictures = 16
        static let links = 64
        /// For a text that is neither a picture nor a link.
        static let textBytes = 1024
        static let allTextBytes = 256 * 1024
        /// If the damage begins before this many bytes, the text is not base64 at all.
        static let telling = 64
        /// By this length a link without a scheme has a character that base64 does not have.
        static let undecidedBytes = 2048
    }

    private enum Current {
        case none
        /// Too early to decide. Leading white space is dropped.
        case undecided(PictureName, [UInt8])
        case link([UInt8])
        case picture(Base64Decoder)
        /// Bytes of a picture that is not encoded as text.
        case raw
        case text([UInt8])
        /// Unusable; the rest of it is dropped.
        case skipped(Capture)
    }

    private enum Decision {
        case link, base64, text
    }

    private let receiver: any PictureReceiver
    private let maxPictureBytes: Int64
    private var current = Current.none
    /// The sink of the picture being read; nil until enough of it has arrived.
    private var sink: (any PictureSink)?
    /// Bytes of the picture being read, as long as it has no sink.
    private var held: [UInt8] = []
    /// The beginning of its text, for a person to read if it is not a picture.
    private var beginning: [UInt8] = []
    private var pictureBytes: Int64 = 0
    /// The number of pictures that have ended, which is the ordinal of the next one.
    private var pictures = 0
    private var links = 0
    /// The number of pictures that turned out to be no results, such as previews.
    private var discarded = 0
    private var textBytes = 0

    init(receiver: any PictureReceiver, maxPictureBytes: Int64) {
        self.receiver = receiver
        self.maxPictureBytes = maxPictureBytes
    }

    /// Discards captures that are no results, so that others can take their place.
    mutating func discard(_ captures: [Capture]) async {
        for case .picture(let ordinal) in captures {
            discarded += 1
            await receiver.discardPicture(ordinal)
        }
    }

    mutating func begin(_ name: PictureName) {
        current = .undecided(name, [])
    }

    /// Begins a picture that is the whole body.
    mutating func beginRaw() {
        beginPicture()
        current = .raw
    }

    mutating func take(_ text: [UInt8]) async throws(NotStored) {
        switch current {
        case .none, .skipped: break
        case .undecided(let name, let before):
            let text = before.isEmpty ? Array(text.drop(while: Self.isSpace)) : before + text
            current = .undecided(name, text)
            if let decision = Self.decide(text, name, isWhole: false) { try await become(decision, text) }
        case .link(let before):
            current = .link(before + text)
            if before.count + text.count > Limits.linkBytes {
                current = .skipped(.invalid("a link of more than \(Limits.linkBytes) bytes"))
            }
        case .picture(let decoder): try await decode(text, with: decoder)
        case .raw: try await store(text)
        case .text(let before):
            let kept = text.prefix(min(Limits.textBytes - before.count, Limits.allTextBytes - textBytes))
            textBytes += kept.count
            // Moved out of the enum while it grows.
            current = .none
            current = .text(before + kept)
        }
    }

    /// Ends the string.
    mutating func end() async throws(NotStored) -> Capture {
        if case .undecided(let name, let text) = current, !text.isEmpty {
            try await become(Self.decide(text, name, isWhole: true) ?? .text, text)
        }
        if case .picture(var decoder) = current {
            held += decoder.finishTolerantly()
            current = .picture(decoder)
            if let failure = Self.failure(of: decoder, beginning) {
                try await close(isValid: false, failure)
            } else {
                try await flush()
            }
        }
        return try await finish()
    }

    /// Ends the string early: the answer broke off inside it.
    mutating func breakOff() async throws(NotStored) -> Capture {
        let reason = "it was cut off"
        switch current {
        case .none, .skipped, .raw, .text: break
        case .undecided(_, let text): current = text.isEmpty ? .none : .skipped(.invalid(reason))
        case .link: current = .skipped(.invalid(reason))
        case .picture(let decoder):
            if let failure = Self.failure(of: decoder, beginning), sink == nil {
                try await close(isValid: false, failure)
            } else {
                try await flush()
                if case .picture = current { try await close(isValid: false, reason) }
            }
        }
        return try await finish()
    }

    // MARK: - One string

    private mutating func become(_ decision: Decision, _ text: [UInt8]) async throws(NotStored) {
        switch decision {
        case .link where links >= Limits.links, .base64 where pictures - discarded >= Limits.pictures:
            current = .skipped(.invalid("one too many"))
        case .link:
            links += 1
            current = .link([])
        case .base64:
            beginPicture()
            current = .picture(Base64Decoder(tolerant: true))
        case .text: current = .text([])
        }
        try await take(text)
    }

    private mutating func beginPicture() {
        pictureBytes = 0
        held = []
        beginning = []
    }

    private mutating func decode(_ text: [UInt8], with decoder: Base64Decoder) async throws(NotStored) {
        var decoder = decoder
        // Cleared, so that the decoder is not copied but changed in place.
        current = .none
        if beginning.count < Limits.telling { beginning += text.prefix(Limits.telling - beginning.count) }
        let decoded = decoder.decodeTolerantly(text)
        current = .picture(decoder)
        if sink == nil, let damagedAt = decoder.damagedAt, damagedAt < Limits.telling {
            return current = .skipped(.invalid(Self.failure(of: decoder, beginning) ?? ""))
        }
        held += decoded
        if sink != nil || held.count >= Limits.telling { try await flush() }
    }

    /// Returns the defect of a text that is not base64 to its end; nil if there is none.
    private static func failure(of decoder: Base64Decoder, _ beginning: [UInt8]) -> String? {
        guard let damagedAt = decoder.damagedAt else { return nil }
        return damagedAt < Limits.telling
            ? "it is not base64, and begins: \(String(decoding: beginning, as: UTF8.self))"
            : "its base64 is broken after \(damagedAt) bytes"
    }

    private mutating func flush() async throws(NotStored) {
        let bytes = held
        held = []
        try await store(bytes)
    }

    private mutating func store(_ bytes: [UInt8]) async throws(NotStored) {
        let room = maxPictureBytes - pictureBytes
        let kept = Int64(bytes.count) > room ? Array(bytes.prefix(Int(room))) : bytes
        if !kept.isEmpty {
            pictureBytes += Int64(kept.count)
            do {
                let sink: any PictureSink
                if let open = self.sink {
                    sink = open
                } else {
                    sink = try await receiver.beginPicture(pictures)
                    self.sink = sink
                }
                try await sink.write(ByteBuffer(bytes: kept))
            } catch {
                throw NotStored(underlying: error)
            }
        }
        if kept.count < bytes.count {
            try await close(isValid: false, "it is larger than downloads.max_bytes, \(maxPictureBytes) bytes")
        }
    }

    /// Ends a picture of which no more is read.
    private mutating func close(isValid: Bool, _ reason: String) async throws(NotStored) {
        if sink != nil && !held.isEmpty || held.count >= Limits.telling { try await flush() }
        held = []
        // `flush` may have skipped it as too large.
        if case .skipped = current { return }
        guard sink != nil else { return current = .skipped(.invalid(reason)) }
        current = .skipped(.broken(pictures, reason))
        try await endPicture(isValid: isValid)
    }

    private mutating func finish() async throws(NotStored) -> Capture {
        let capture: Capture
        switch current {
        case .none, .undecided: capture = .empty
        case .link(let link):
            let trimmed = link.reversed().drop(while: Self.isSpace).reversed()
            capture = .link(String(decoding: Array(trimmed), as: UTF8.self))
        case .picture, .raw: capture = sink == nil ? .empty : .picture(pictures)
        case .text(let text): capture = .text(String(decoding: text, as: UTF8.self))
        case .skipped(let skipped): capture = skipped
        }
        current = .none
        if sink != nil { try await endPicture(isValid: true) }
        return capture
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

    // MARK: - The kind of a string

    /// - Returns: nil as long as it is undecided.
    private static func decide(_ text: [UInt8], _ name: PictureName, isWhole: Bool) -> Decision? {
        if name == .echo { return .text }
        if let scheme = scheme(of: text) {
            guard text.count > scheme.utf8.count + 1 || isWhole else { return nil }
            // "error: …" is a sentence.
            let next = text.dropFirst(scheme.utf8.count + 1).first
            if next == nil || next.map(isSpace) == true { return .text }
            if scheme == "data" { return .base64 }
            if name != .loose || scheme == "https" || scheme == "http" { return .link }
            return .text
        }
        if text.count < longestScheme, !isWhole { return nil }
        switch name {
        case .echo: return .text
        case .base64: return .base64
        case .link:
            if text.starts(with: "/".utf8), !text.starts(with: "/9j/".utf8) { return .link }
            if text.contains(where: isOnlyOfLinks) { return .link }
            return isWhole || text.count >= Limits.undecidedBytes ? .base64 : nil
        case .loose:
            if text.starts(with: "/".utf8), !text.starts(with: "/9j/".utf8) {
                guard isWhole || text.count >= Limits.undecidedBytes else { return nil }
                return isWhole && namesPicture(text) ? .link : .text
            }
            var decoder = Base64Decoder()
            guard let head = try? decoder.decode(text.prefix(longestScheme)) else { return .text }
            return PictureSignature.matches(head) ? .base64 : .text
        }
    }

    private static let longestScheme = 16

    /// Returns the scheme in lowercase; nil if there is none so far. Base64 has no colon.
    private static func scheme(of text: [UInt8]) -> String? {
        guard let colon = text.prefix(longestScheme).firstIndex(of: UInt8(ascii: ":")), colon > 0,
            text[..<colon].allSatisfy({ byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "+-.".utf8.contains(byte)
            })
        else { return nil }
        return String(decoding: text[..<colon], as: UTF8.self).lowercased()
    }

    private static func isOnlyOfLinks(_ byte: UInt8) -> Bool {
        byte >= 0x80 || ".?%&~#".utf8.contains(byte)
    }

    /// True for a path that ends like a picture's file name.
    private static func namesPicture(_ text: [UInt8]) -> Bool {
        let path = text.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let name = String(decoding: path, as: UTF8.self).lowercased()
        return !path.contains(where: isSpace)
            && [".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"].contains(where: name.hasSuffix)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
