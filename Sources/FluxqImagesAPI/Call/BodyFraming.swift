import FluxqFormats

/// Detects the kind of a decoded body by its first bytes, and removes the framing of server-sent events from its text.
///
/// ```
/// {"data": …}                                   documents: JSON, one or several after each other
/// data: {"type": "image_generation.completed"   events: the same in lines of `data:`
/// 89 50 4E 47 …                                 a picture
/// https://…   data:image/png;base64,…           a bare string
/// <html>                                        a page
/// ```
struct BodyFraming {
    enum Kind {
        case documents, events, picture, bare, page
    }

    enum Part {
        /// Bytes of documents, of the picture or of the bare string.
        case payload(ArraySlice<UInt8>)
        /// The name of the current event.
        case name(String)
        /// The end of an event.
        case boundary
    }

    private enum Line {
        /// The name of its field so far, with the bytes before its value.
        case start([UInt8])
        case payload
        case name([UInt8])
        case ignored
    }

    private static let fields = ["data:", "event:", "id:", "retry:", ":"]
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let enoughBytes = 32
    private static let longestName = 200
    /// The longest name of a field, and the most white space in an empty line.
    private static let longestField = 16

    /// Lowercase, without parameters; nil if the head has none.
    private let mediaType: String?
    /// nil until enough bytes have arrived.
    private(set) var kind: Kind?
    private var held: [UInt8] = []
    private var line = Line.start([])
    /// True after a line of `data:` that another may follow.
    private var hasOpenPayload = false

    init(mediaType: String?) {
        self.mediaType = mediaType.map { text in
            text.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace }
        }
    }

    /// - Parameter isEnd: true if these are the last bytes.
    mutating func read(_ bytes: [UInt8], isEnd: Bool = false) -> [Part] {
        guard let kind else {
            held += bytes
            if !isPictureType {
                // White space keeps a connection alive until there is data.
                held = Array(held.drop(while: Self.isFiller))
                while held.starts(with: Self.byteOrderMark) {
                    held = Array(held.dropFirst(Self.byteOrderMark.count).drop(while: Self.isFiller))
                }
            }
            guard !held.isEmpty, let kind = Self.kind(of: held, mediaType, isEnd: isEnd) else { return [] }
            self.kind = kind
            let first = held
            held = []
            return read(first, isEnd: isEnd)
        }
        guard kind == .events else { return bytes.isEmpty ? [] : [.payload(bytes[...])] }
        var parts = readLines(bytes[...])
        if isEnd { parts.append(.boundary) }
        return parts
    }

    private var isPictureType: Bool { mediaType?.hasPrefix("image/") == true }

    // MARK: - The kind

    private static func kind(of head: [UInt8], _ mediaType: String?, isEnd: Bool) -> Kind? {
        let first = head[0]
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return .documents }
        guard head.count >= enoughBytes || isEnd else { return nil }
        if PictureSignature.matches(head) { return .picture }
        if mediaType?.hasPrefix("image/") == true { return isBare(head) ? .bare : .picture }
        if isBare(head) { return .bare }
        if mediaType == "text/event-stream" { return .events }
        let text = String(decoding: head.prefix(enoughBytes), as: UTF8.self).lowercased()
        if fields.contains(where: text.hasPrefix) { return .events }
        let isHTML = mediaType == "text/html" || mediaType == "application/xhtml+xml"
        return first == UInt8(ascii: "<") || isHTML ? .page : .documents
    }

    /// True for a link, or a picture in base64, without anything around it.
    private static func isBare(_ head: [UInt8]) -> Bool {
        let text = String(decoding: head.prefix(enoughBytes), as: UTF8.self).lowercased()
        if ["https://", "http://", "data:image/", "data:;base64,", "data:application/octet"].contains(
            where: text.hasPrefix)
        {
            return true
        }
        var decoder = Base64Decoder()
        guard let bytes = try? decoder.decode(head.prefix(16)) else { return false }
        return PictureSignature.matches(bytes)
    }

    private static func isFiller(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    // MARK: - Events

    private mutating func readLines(_ bytes: ArraySlice<UInt8>) -> [Part] {
        var parts: [Part] = []
        var rest = bytes
        while let first = rest.first {
            let end = rest.firstIndex { $0 == 0x0A } ?? rest.endIndex
            switch line {
            case .start(let name):
                let isOver = end < rest.endIndex
                let text = rest[..<end].prefix(Self.longestName)
                if name.isEmpty, first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                    // A line of JSON between events. Its first key may look like the name of a field.
                    line = .payload
                } else if let colon = text.firstIndex(of: UInt8(ascii: ":")),
                    colon - rest.startIndex + name.count <= Self.longestField
                {
                    begin(String(decoding: name + rest[..<colon], as: UTF8.self), &parts)
                    rest = rest[(colon + 1)...]
                } else if isOver {
                    let whole = name + rest[..<end]
                    if whole.count <= Self.longestField, whole.allSatisfy(Self.isFiller) {
                        hasOpenPayload = false
                        parts.append(.boundary)
                    }
                    line = .start([])
                    rest = rest[(end + 1)...]
                } else {
                    line = name.count + text.count > Self.longestField ? .ignored : .start(name + text)
                    rest = []
                }
            case .payload:
                if end > rest.startIndex { parts.append(.payload(rest[..<end])) }
                finishLine(&rest, end, hasPayload: true)
            case .name(let name):
                let name = Array((name + rest[..<end]).prefix(Self.longestName))
                if end < rest.endIndex {
                    let text = String(decoding: name, as: UTF8.self).filter { !$0.isWhitespace }
                    parts.append(.name(text))
                } else {
                    line = .name(name)
                }
                finishLine(&rest, end, hasPayload: hasOpenPayload)
            case .ignored: finishLine(&rest, end, hasPayload: hasOpenPayload)
            }
        }
        return parts
    }

    private mutating func begin(_ field: String, _ parts: inout [Part]) {
        switch field {
        case "data":
            // The `data:` lines of one event form one text.
            if hasOpenPayload { parts.append(.payload([0x0A])) }
            line = .payload
        case "event": line = .name([])
        default: line = .ignored
        }
    }

    private mutating func finishLine(_ rest: inout ArraySlice<UInt8>, _ end: Int, hasPayload: Bool) {
        guard end < rest.endIndex else { return rest = [] }
        hasOpenPayload = hasPayload
        line = .start([])
        rest = rest[(end + 1)...]
    }
}
