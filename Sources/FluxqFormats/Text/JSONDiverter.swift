/// Reads a JSON text as it streams in and diverts the strings at one path, or under certain names. So pictures inside
/// the text never have to be held in memory. The remainder has a short marker in place of each diverted string and is
/// an ordinary small JSON text.
///
/// ```
/// {"created":1,"data":[{"b64_json":"iVBORw0K…"}]}
///                                  ^ begin, bytes, bytes, … end
/// {"created":1,"data":[{"b64_json":"diverted-5f1c…-0"}]}      the remainder
/// ```
///
/// It checks only as much of the grammar as it needs to locate strings. The reader of the remainder checks whether it
/// is JSON.
package struct JSONDiverter {
    package enum Element: Hashable, Sendable {
        case key(String)
        /// Any of several keys of an object.
        case anyKey([String])
        /// Every element of an array.
        case anyIndex
    }

    package enum Event: Hashable, Sendable {
        /// The start of a string at the path. Strings are counted from 0.
        case begin(ordinal: Int)
        /// A part of the string, with its escapes decoded.
        case bytes([UInt8])
        case end
    }

    package enum Failure: Error, Hashable, Sendable {
        /// The remainder is longer than the limit.
        case tooLong(limit: Int)
    }

    /// The elements that may come next outside of strings.
    private enum Expectation {
        case value
        case keyOrEnd
        case key
        case colon
        case commaOrEnd
        /// The text's one value has ended; only white space may follow.
        case nothing
    }

    private enum Mode {
        case structure(Expectation)
        /// A number, `true`, `false`, `null`, or any other bare text.
        case literal
        case string(StringKind)
        /// Not JSON, or nested too deep: all further bytes go to the remainder.
        case opaque
    }

    private enum StringKind {
        case key, ordinary, diverted
    }

    /// An open object or array.
    private struct Container {
        let isObject: Bool
        /// Counted from 0 in the order in which containers begin.
        let number: Int
        /// True if its position matches the path so far.
        let isOnPath: Bool
        /// True if the member or element being read matches the path's element for it.
        var memberIsOnPath = false
        /// The member's name if strings under that name are diverted. For an array, the name of the member that holds it.
        var name: String?
        /// The name under which everything is diverted, if this container is inside such a member.
        var wholeName: String?
    }

    /// The strings to divert.
    private enum Target {
        case path([Element])
        /// Strings of members with these folded names, and strings in arrays of such members. The text itself has the
        /// empty name. Under the `whole` names every string is diverted, at any depth.
        case names(Set<String>, whole: Set<String>)
    }

    /// The position of a diverted string.
    package struct Place: Hashable, Sendable {
        /// The folded name for which it was diverted; empty if a path decided, or if it is the whole text.
        package let name: String
        /// The number of the container that holds it, to distinguish strings of one object from those of others.
        package let container: Int?
    }

    private let target: Target
    private let path: [Element]
    private let remainderLimit: Int
    private let depthLimit: Int
    private let markerPrefix: String
    private let longestKey: Int

    private var mode = Mode.structure(.value)
    private var containers: [Container] = []
    private var containersBegun = 0
    private var key: [UInt8] = []
    private var escapes = JSONStringEscapes()
    /// The positions of the markers in the remainder, quotes included.
    private var markers: [Range<Int>] = []
    /// The start, in the remainder, of the string, name or literal being read.
    private var beginning = 0
    private var failure: Failure?
    private var stopsAtEnd = false

    /// - Parameters:
    /// - path: a path such as `[.key("data"), .anyIndex, .key("b64_json")]`.
    /// - remainderLimit: the largest length of the remainder in bytes, markers included.
    /// - depthLimit: the deepest nesting that is read. If the text is nested deeper, all further bytes remain.
    package init(path: [Element], remainderLimit: Int, depthLimit: Int = .max) {
        self.init(
            .path(path), path: path, longestKey: path.flatMap(\.keys).map(\.utf8.count).max() ?? 0,
            remainderLimit: remainderLimit, depthLimit: depthLimit)
    }

    /// - Parameters:
    /// - names: folded names: see `folded`.
    /// - whole: folded names of members in which every string is diverted, whatever its own name is.
    package init(names: Set<String>, whole: Set<String> = [], remainderLimit: Int, depthLimit: Int = .max) {
        // Folding at most halves the length of a name, if it drops every second character.
        self.init(
            .names(names.union(whole), whole: whole), path: [],
            longestKey: 2 * (names.union(whole).map(\.utf8.count).max() ?? 0),
            remainderLimit: remainderLimit, depthLimit: depthLimit)
    }

    private init(_ target: Target, path: [Element], longestKey: Int, remainderLimit: Int, depthLimit: Int) {
        self.target = target
        self.path = path
        self.longestKey = longestKey
        self.remainderLimit = remainderLimit
        self.depthLimit = depthLimit
        let random = String(UInt64.random(in: .min ... .max), radix: 16)
        markerPrefix = "diverted-\(String(repeating: "0", count: 16 - random.count))\(random)-"
    }

    /// Returns a name in the form used for comparison: lowercase, without `_` and `-`. `imageUrl` and `image_url` are
    /// one name.
    package static func folded(_ name: some StringProtocol) -> String {
        name.lowercased().filter { $0 != "_" && $0 != "-" }
    }

    /// The place of each diverted string, by its ordinal.
    package private(set) var places: [Place] = []

    /// The text received so far, with a marker string in place of each diverted string.
    package private(set) var remainder: [UInt8] = []

    /// True if the text's one value has ended, as far as brackets and quotes show.
    package var isComplete: Bool {
        switch mode {
        case .structure(.nothing): true
        case .literal: containers.isEmpty
        case .structure, .string, .opaque: false
        }
    }

    /// True if the text is not JSON, or is nested too deep.
    package var isOpaque: Bool {
        if case .opaque = mode { true } else { false }
    }

    /// The remainder of a cut text, closed so that its reader can parse it. Half-read elements are dropped, and every
    /// open array and object is closed. If the text is complete or not JSON, this is the remainder itself.
    package var closedRemainder: [UInt8] {
        var text = remainder
        switch mode {
        case .opaque, .structure(.nothing), .structure(.commaOrEnd), .structure(.keyOrEnd), .string(.diverted): break
        case .structure(.value): text += "null".utf8
        case .structure(.key): text += "\"\":null".utf8
        case .structure(.colon): text += ":null".utf8
        case .literal where containers.isEmpty: return remainder
        case .literal, .string(.ordinary): text.replaceSubrange(min(beginning, text.count)..., with: "null".utf8)
        case .string(.key): text.replaceSubrange(min(beginning, text.count)..., with: "\"\":null".utf8)
        }
        if isOpaque { return remainder }
        for container in containers.reversed() { text.append(UInt8(ascii: container.isObject ? "}" : "]")) }
        return text
    }

    /// Returns the ordinal of the diverted string that a marker in the remainder stands for; nil for an ordinary
    /// string. A sender cannot forge a marker: it contains a random number drawn for this text.
    package func ordinal(ofMarker string: String) -> Int? {
        guard string.hasPrefix(markerPrefix), let ordinal = Int(string.dropFirst(markerPrefix.count)),
            markers.indices.contains(ordinal)
        else { return nil }
        return ordinal
    }

    /// Returns the remainder for a person to read.
    /// - Parameter text: returns the text, quotes included, to replace a marker, by its ordinal.
    package func remainder(replacingMarkersWith text: (Int) -> String) -> [UInt8] {
        var replaced: [UInt8] = []
        var end = 0
        for (ordinal, marker) in markers.enumerated() where marker.upperBound <= remainder.count {
            replaced.append(contentsOf: remainder[end..<marker.lowerBound])
            replaced.append(contentsOf: text(ordinal).utf8)
            end = marker.upperBound
        }
        replaced.append(contentsOf: remainder[end...])
        return replaced
    }

    /// Reads the next bytes of the text. Text that is not JSON stays in the remainder.
    package mutating func consume(_ bytes: some Sequence<UInt8>) throws(Failure) -> [Event] {
        var events: [Event] = []
        let isRead: Void? = bytes.withContiguousStorageIfAvailable { read($0, into: &events) }
        if isRead == nil {
            // A sequence that is not contiguous in memory is copied first.
            _ = Array(bytes).withUnsafeBufferPointer { read($0, into: &events) }
        }
        if let failure { throw failure }
        return events
    }

    /// Reads the next bytes up to the end of the text's one value, and no further.
    /// - Returns: the events, and the number of bytes read.
    package mutating func consumeValue(_ bytes: ArraySlice<UInt8>) throws(Failure) -> (events: [Event], count: Int) {
        stopsAtEnd = true
        var events: [Event] = []
        let count = bytes.withUnsafeBufferPointer { read($0, into: &events) }
        if let failure { throw failure }
        return (events, count)
    }

    /// - Returns: the number of bytes read.
    @discardableResult
    private mutating func read(_ text: UnsafeBufferPointer<UInt8>, into events: inout [Event]) -> Int {
        var index = 0
        while index < text.count, failure == nil {
            if stopsAtEnd, case .structure(.nothing) = mode { break }
            switch mode {
            case .structure(let expectation):
                readStructure(text[index], expecting: expectation, into: &events)
                index += 1
            case .literal:
                if Self.isDelimiter(text[index]) {
                    endValue()
                } else {
                    keep(text[index])
                    index += 1
                }
            case .string(let kind):
                readString(kind, text, &index, into: &events)
            case .opaque:
                keep(UnsafeBufferPointer(rebasing: text[index...]))
                index = text.count
            }
        }
        return index
    }

    private mutating func readStructure(_ byte: UInt8, expecting: Expectation, into events: inout [Event]) {
        if Self.isSpace(byte) || isByteOrderMark(byte) { return keep(byte) }
        switch (expecting, byte) {
        case (.value, UInt8(ascii: "{")): open(isObject: true)
        case (.value, UInt8(ascii: "[")): open(isObject: false)
        case (.value, UInt8(ascii: "]")) where containers.last?.isObject == false: close()
        case (.value, UInt8(ascii: "\"")):
            if isAtPath {
                events.append(.begin(ordinal: markers.count))
                let marker = "\"\(markerPrefix)\(markers.count)\""
                markers.append(remainder.count..<remainder.count + marker.utf8.count)
                places.append(Place(name: memberName ?? "", container: containers.last?.number))
                keep(marker.utf8)
                mode = .string(.diverted)
                return
            }
            beginning = remainder.count
            mode = .string(.ordinary)
        case (.value, _) where !Self.isDelimiter(byte):
            beginning = remainder.count
            mode = .literal
        case (.keyOrEnd, UInt8(ascii: "\"")), (.key, UInt8(ascii: "\"")):
            key.removeAll(keepingCapacity: true)
            beginning = remainder.count
            mode = .string(.key)
        // Some writers leave a trailing comma, and JSONDecoder accepts it.
        case (.keyOrEnd, UInt8(ascii: "}")), (.key, UInt8(ascii: "}")): close()
        case (.colon, UInt8(ascii: ":")): mode = .structure(.value)
        case (.commaOrEnd, UInt8(ascii: ",")):
            mode = .structure(containers.last?.isObject == true ? .key : .value)
        case (.commaOrEnd, UInt8(ascii: "}")) where containers.last?.isObject == true: close()
        case (.commaOrEnd, UInt8(ascii: "]")) where containers.last?.isObject == false: close()
        default: mode = .opaque
        }
        keep(byte)
    }

    private mutating func readString(
        _ kind: StringKind, _ text: UnsafeBufferPointer<UInt8>, _ index: inout Int, into events: inout [Event]
    ) {
        let start = index
        var plain: [UInt8] = []
        var ended = false
        // Keys are kept only as long as they may match the path or a name; ordinary strings are not kept here.
        let limit = kind == .diverted ? Int.max : kind == .key ? longestKey + 1 - key.count : 0
        while index < text.count, !ended {
            if !escapes.isOpen {
                var end = index
                while end < text.count, text[end] != UInt8(ascii: "\""), text[end] != UInt8(ascii: "\\") { end += 1 }
                plain.append(contentsOf: text[index..<end].prefix(max(limit - plain.count, 0)))
                index = end
                guard index < text.count else { break }
            }
            switch escapes.read(text[index]) {
            case .bytes(let bytes): plain.append(contentsOf: bytes.prefix(max(limit - plain.count, 0)))
            case .end: ended = true
            }
            index += 1
        }
        switch kind {
        case .diverted:
            if !plain.isEmpty { events.append(.bytes(plain)) }
            if ended { events.append(.end) }
        case .key:
            key.append(contentsOf: plain)
            keep(UnsafeBufferPointer(rebasing: text[start..<index]))
        case .ordinary:
            keep(UnsafeBufferPointer(rebasing: text[start..<index]))
        }
        guard ended else { return }
        if kind == .key {
            enterMember()
        } else {
            endValue()
        }
    }

    private mutating func open(isObject: Bool) {
        guard containers.count < depthLimit else { return mode = .opaque }
        let container = Container(
            isObject: isObject, number: containersBegun, isOnPath: memberIsOnPath && containers.count < path.count,
            name: isObject ? nil : memberName, wholeName: wholeName)
        containersBegun += 1
        containers.append(container)
        if isObject {
            mode = .structure(.keyOrEnd)
        } else {
            containers[containers.count - 1].memberIsOnPath =
                container.isOnPath && path[containers.count - 1] == .anyIndex
            mode = .structure(.value)
        }
    }

    private mutating func close() {
        containers.removeLast()
        endValue()
    }

    private mutating func enterMember() {
        let last = containers.count - 1
        switch target {
        case .path:
            containers[last].memberIsOnPath =
                containers[last].isOnPath && path[last].keys.contains { key.elementsEqual($0.utf8) }
        case .names(let names, _):
            let name = key.count > longestKey ? "" : Self.folded(String(decoding: key, as: UTF8.self))
            containers[last].name = containers[last].wholeName ?? (!name.isEmpty && names.contains(name) ? name : nil)
        }
        mode = .structure(.colon)
    }

    private mutating func endValue() {
        mode = .structure(containers.isEmpty ? .nothing : .commaOrEnd)
    }

    /// True if the next value is at the path's position, or on the way to it.
    private var memberIsOnPath: Bool { containers.last?.memberIsOnPath ?? true }

    private var isAtPath: Bool {
        switch target {
        case .path(let path): containers.count == path.count && memberIsOnPath
        case .names: memberName != nil
        }
    }

    /// The folded name for which the next value would be diverted; nil if it would not be.
    private var memberName: String? {
        guard case .names(let names, _) = target else { return nil }
        return containers.isEmpty ? (names.contains("") ? "" : nil) : containers.last?.name
    }

    /// The name of the next member, or of one around it, if everything under it is diverted.
    private var wholeName: String? {
        guard case .names(_, let whole) = target, let name = memberName else { return nil }
        return whole.contains(name) ? name : nil
    }

    private mutating func keep(_ bytes: some Collection<UInt8>) {
        if remainder.count + bytes.count > remainderLimit {
            failure = .tooLong(limit: remainderLimit)
        } else {
            remainder.append(contentsOf: bytes)
        }
    }

    /// A separate overload, because most of a text is kept byte by byte.
    private mutating func keep(_ byte: UInt8) {
        if remainder.count < remainderLimit {
            remainder.append(byte)
        } else {
            failure = .tooLong(limit: remainderLimit)
        }
    }

    /// U+FEFF before the text is not part of it.
    private func isByteOrderMark(_ byte: UInt8) -> Bool {
        remainder.count < Self.byteOrderMark.count && byte == Self.byteOrderMark[remainder.count]
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private static func isDelimiter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","),
            UInt8(ascii: ":"), UInt8(ascii: "\""):
            true
        default: isSpace(byte)
        }
    }
}

extension JSONDiverter.Element {
    fileprivate var keys: [String] {
        switch self {
        case .key(let key): [key]
        case .anyKey(let keys): keys
        case .anyIndex: []
        }
    }
}
