/// Reads a `multipart/form-data` body (RFC 7578) as it arrives, in pieces of any size. It holds one part's head at most; the
/// bytes of a part are handed on as they come.
package struct MultipartReader: Sendable {
    /// What stands before the bytes of a part.
    package struct Head: Hashable, Sendable {
        /// Of the form's field; never empty, without control characters.
        package let name: String
        /// nil for a field that is no file. Only for people: a client may write anything here.
        package let fileName: String?
        /// Lower case, without parameters, such as `image/png`; nil if the part does not say.
        package let mediaType: String?
    }

    package enum Event: Hashable, Sendable {
        case head(Head)
        /// Some of the part's bytes; never empty.
        case bytes([UInt8])
        case end
    }

    /// Why a body cannot be read. Nothing that follows the place can be.
    package enum Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        case noBoundary
        case invalidBoundary
        case notMultipart
        case tooManyParts(limit: Int)
        case headTooLong(limit: Int)
        case invalidHead
        case noName
        case nested
        case encoded(String)
        /// The body ended before its closing boundary.
        case cut

        package var description: String {
            switch self {
            case .noBoundary: "the Content-Type multipart/form-data has no boundary"
            case .invalidBoundary: "the boundary must be 1 to 70 visible ASCII characters"
            case .notMultipart: "no line of the body is the boundary that the Content-Type announces"
            case .tooManyParts(let limit): "it has more than \(limit) parts"
            case .headTooLong(let limit): "a part has more than \(limit) bytes of headers"
            case .invalidHead: "the headers of a part cannot be read"
            case .noName: "a part has no field name; write Content-Disposition: form-data; name=\"...\""
            case .nested: "a part is multipart itself; send each file as a part of its own"
            case .encoded(let coding): "a part has the Content-Transfer-Encoding \(coding); send the bytes as they are"
            case .cut: "it ends before its closing boundary"
            }
        }
    }

    package enum Limits {
        /// More than any form of the images API has fields.
        package static let parts = 128
        /// Of one part.
        package static let headBytes = 8192
        /// What may stand before the first boundary (RFC 2046, 5.1.1): no client sends anything there.
        static let preambleBytes = 8192
    }

    private enum State {
        case preamble
        /// After a boundary: what follows decides.
        case delimiter
        case head
        /// A boundary may follow the head at once, without a line break of its own.
        case partStart
        case part
        /// After the closing boundary. What follows says nothing.
        case over
    }

    private static let newline: [UInt8] = [0x0D, 0x0A]
    /// What ends a head.
    private static let emptyLine = newline + newline

    /// A line break, two hyphens and the boundary.
    private let delimiter: [UInt8]
    private var state = State.preamble
    /// What has come and not been handed on. A first boundary has no line break before it; one is put there.
    private var held = newline
    /// How much of it holds no end of a head.
    private var searched = 0
    private var discarded = 0
    private var parts = 0

    /// - Parameter contentType: of the request, such as `multipart/form-data; boundary=x`.
    package init(contentType: String) throws(Malformed) {
        guard let value = HeaderValue(contentType), let boundary = value.parameters["boundary"], !boundary.isEmpty
        else {
            throw .noBoundary
        }
        guard boundary.utf8.count <= 70, boundary.utf8.allSatisfy({ (0x20...0x7E).contains($0) }),
            boundary.utf8.last != UInt8(ascii: " ")
        else { throw .invalidBoundary }
        delimiter = Self.newline + Array("--\(boundary)".utf8)
    }

    /// Whether the closing boundary has come.
    package var isOver: Bool { state == .over }

    /// How many bytes have come and have not been handed on.
    var heldCount: Int { held.count }

    /// Returns what the next piece of the body completes, in order.
    package mutating func read(_ piece: some Sequence<UInt8>) throws(Malformed) -> [Event] {
        guard state != .over else { return [] }
        held += piece
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// The body has come to its end.
    package func finish() throws(Malformed) {
        switch state {
        case .over: return
        case .preamble: throw .notMultipart
        case .delimiter, .head, .partStart, .part: throw .cut
        }
    }

    /// - Returns: false if more of the body has to come first.
    private mutating func step(_ events: inout [Event]) throws(Malformed) -> Bool {
        switch state {
        case .preamble:
            let (before, isFound) = takeToDelimiter()
            discarded += before.count
            guard discarded <= Limits.preambleBytes else { throw .notMultipart }
            if isFound { state = .delimiter }
            return isFound
        case .delimiter: return try readDelimiter(&events)
        case .head: return try readHead(&events)
        case .partStart:
            let boundary = delimiter.dropFirst(Self.newline.count)
            let length = zip(held, boundary).prefix { $0 == $1 }.count
            if length == held.count, length < boundary.count { return false }
            if length == boundary.count {
                held.removeSubrange(..<length)
                state = .delimiter
            } else {
                state = .part
            }
            return true
        case .part:
            let (bytes, isFound) = takeToDelimiter()
            if !bytes.isEmpty { events.append(.bytes(bytes)) }
            if isFound { state = .delimiter }
            return isFound
        case .over:
            held = []
            return false
        }
    }

    /// Takes the bytes that are certainly no part of a boundary, and the boundary that follows them if it has come whole.
    private mutating func takeToDelimiter() -> (before: [UInt8], isFound: Bool) {
        var start = held.startIndex
        while let candidate = held[start...].firstIndex(of: delimiter[0]) {
            let length = zip(held[candidate...], delimiter).prefix { $0 == $1 }.count
            if length == delimiter.count {
                defer { held.removeSubrange(..<(candidate + length)) }
                return (Array(held[..<candidate]), true)
            }
            if candidate + length == held.endIndex {
                // It may continue in the next piece.
                defer { held.removeSubrange(..<candidate) }
                return (Array(held[..<candidate]), false)
            }
            start = candidate + 1
        }
        defer { held = [] }
        return (held, false)
    }

    /// Two hyphens close the body; else the line has to end, but for blanks (RFC 2046).
    private mutating func readDelimiter(_ events: inout [Event]) throws(Malformed) -> Bool {
        let rest = held.drop { $0 == 0x20 || $0 == 0x09 }
        let blanks = held.count - rest.count
        guard blanks <= Limits.headBytes else { throw .invalidHead }
        if blanks == 0, rest.first == UInt8(ascii: "-") {
            guard rest.count >= 2 else { return false }
            guard rest[rest.startIndex + 1] == UInt8(ascii: "-") else { throw .invalidHead }
            if parts > 0 { events.append(.end) }
            state = .over
            return true
        }
        guard rest.count >= 2 else {
            if let first = rest.first, first != Self.newline[0] { throw .invalidHead }
            return false
        }
        guard rest.prefix(2).elementsEqual(Self.newline) else { throw .invalidHead }
        if parts > 0 { events.append(.end) }
        parts += 1
        guard parts <= Limits.parts else { throw .tooManyParts(limit: Limits.parts) }
        // The line break stays: a head without lines ends at once.
        held.removeSubrange(..<(held.startIndex + blanks))
        state = .head
        return true
    }

    private mutating func readHead(_ events: inout [Event]) throws(Malformed) -> Bool {
        let end = held.indices.dropFirst(searched).first { held[$0...].starts(with: Self.emptyLine) }
        guard let end else {
            searched = max(held.count - Self.emptyLine.count + 1, 0)
            // Whether the head may still end in time does not depend on how the body is cut into pieces.
            guard searched <= Limits.headBytes else { throw .headTooLong(limit: Limits.headBytes) }
            return false
        }
        guard end <= Limits.headBytes else { throw .headTooLong(limit: Limits.headBytes) }
        let head = try Self.head(held[..<end])
        held.removeSubrange(..<(end + Self.emptyLine.count))
        searched = 0
        events.append(.head(head))
        state = .partStart
        return true
    }

    /// - Parameter bytes: lines, each with a line break before it.
    private static func head(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> Head {
        var disposition: HeaderValue?
        var mediaType: String?
        for line in lines(bytes) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .invalidHead }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let text = String(decoding: line[(colon + 1)...], as: UTF8.self).trimmingBlanks
            switch name {
            case "content-disposition":
                guard disposition == nil, let value = HeaderValue(text) else { throw .invalidHead }
                disposition = value
            case "content-type":
                mediaType = HeaderValue(text)?.value
                if mediaType?.hasPrefix("multipart/") ?? false { throw .nested }
            case "content-transfer-encoding":
                guard ["binary", "7bit", "8bit"].contains(text.lowercased()) else {
                    // A token: the message must have nothing that a terminal obeys.
                    throw .encoded(String((HeaderValue(text)?.value ?? "?").prefix(40)))
                }
            default: break
            }
        }
        guard disposition?.value == "form-data", let name = disposition?.parameters["name"], !name.isEmpty,
            !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw .noName }
        return Head(name: name, fileName: disposition?.parameters["filename"], mediaType: mediaType)
    }

    /// Without their line breaks. One that begins with a blank continues the line before it.
    private static func lines(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes
        while rest.starts(with: newline) {
            rest = rest.dropFirst(newline.count)
            let end = rest.indices.first { rest[$0...].starts(with: newline) } ?? rest.endIndex
            let line = rest[..<end]
            if line.first == 0x20 || line.first == 0x09, !lines.isEmpty {
                lines[lines.count - 1] += line
            } else if !line.isEmpty {
                lines.append(Array(line))
            }
            rest = rest[end...]
        }
        return lines
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
