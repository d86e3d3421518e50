/// Reads a JSON text as it streams in and diverts the strings at one path, or under certain names, so that pictures inside
/// it never have to be held in memory. What remains, with a short marker in place of each diverted string, is an ordinary small JSON text.
///
/// ```
/// {"created":1,"data":[{"b64_json":"iVBORw0K…"}]}
///                                  ^ begin, bytes, bytes, … end
/// {"created":1,"data":[{"b64_json":"diverted-5f1c…-0"}]}      the remainder
/// ```
///
/// Only as much of the grammar is checked as it takes to know where a string stands; whether the remainder is JSON is
/// for its reader to say.
package struct JSONDiverter {
    package enum Element: Hashable, Sendable {
        case key(String)
        /// Any one of several keys of an object.
        case anyKey([String])
        /// Every element of an array.
        case anyIndex
    }

    package enum Event: Hashable, Sendable {
        /// A string at the path begins; strings are counted from 0.
        case begin(ordinal: Int)
        /// A part of it, escapes undone.
        case bytes([UInt8])
        case end
    }

    package enum Failure: Error, Hashable, Sendable {
        /// What remains is longer than the limit.
        case tooLong(limit: Int)
    }

    /// What may come next outside of strings.
    private enum Expectation {
        case value
        case keyOrEnd
        case key
        case colon
        case commaOrEnd
        /// The one value of the text is over; only white space may follow.
        case nothing
    }

    private enum Mode {
        case structure(Expectation)
        /// A number, `true`, `false`, `null`, or whatever else stands bare.
        case literal
        case string(StringKind)
        /// Not JSON, or nested too deep: everything goes to the remainder.
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
        /// Its own place agrees with the path so far.
        let isOnPath: Bool
        /// The member or element being read agrees with the path's element for it.
        var memberIsOnPath = false
        /// The member's name where strings under that name are diverted; for an array its own.
        var name: String?
        /// The name under which everything is diverted, if this stands under one.
        var wholeName: String?
    }

    /// Which strings are diverted.
    private enum Target {
        case path([Element])
        /// Those of members with these names, folded, and those in arrays of such members. The name of the text itself,
        /// which has none, is empty. Under the whole ones every string is diverted, however deep.
        case names(Set<String>, whole: Set<String>)
    }

    /// Where a diverted string stands.
    package struct Place: Hashable, Sendable {
        /// The folded name that it was diverted for; empty if a path decided, or the text itself is it.
        package let name: String
        /// The container that it stands in, so that strings of one object can be told from those of others.
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
    /// Where the markers lie in the remainder, quotes included.
    private var markers: [Range<Int>] = []
    /// Where the string, name or literal being read begins in the remainder.
    private var beginning = 0
    private var failure: Failure?
    private var stopsAtEnd = false

    /// - Parameters:
    ///   - path: such as `[.key("data"), .anyIndex, .key("b64_json")]`.
    ///   - remainderLimit: how many bytes the text may have besides the diverted strings; their markers count.
    ///   - depthLimit: nested deeper a text is read no further, and what follows remains.
    package init(path: [Element], remainderLimit: Int, depthLimit: Int = .max) {
        self.init(
            .path(path), path: path, longestKey: path.flatMap(\.keys).map(\.utf8.count).max() ?? 0,
            remainderLimit: remainderLimit, depthLimit: depthLimit)
    }

    /// - Parameters:
    ///   - names: folded: see `folded`.
    ///   - whole: folded names of members in which every string is diverted, whatever its own name is.
    package init(names: Set<String>, whole: Set<String> = [], remainderLimit: Int, depthLimit: Int = .max) {
        // Folding makes a name at most half as long where every second character is dropped.
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

    /// A name as it is compared: in lower case, without `_` and `-`. `imageUrl` and `image_url` are one name.
    package static func folded(_ name: some StringProtocol) -> String {
        name.lowercased().filter { $0 != "_" && $0 != "-" }
    }

    /// Where each diverted string stands, by its ordinal.
    package private(set) var places: [Place] = []

    /// The text with a marker string in place of each diverted string; as much of it as has come.
    package private(set) var remainder: [UInt8] = []

    /// Whether the text's one value has come to its end, as far as brackets and quotes tell.
    package var isComplete: Bool {
        switch mode {
        case .structure(.nothing): true
        case .literal: containers.isEmpty
        case .structure, .string, .opaque: false
        }
    }

    /// Whether the text has turned out not to be JSON, or is nested too deep.
    package var isOpaque: Bool {
        if case .opaque = mode { true } else { false }
    }

    /// The remainder of a text that was cut, closed so that it can be read as far as it came: what was half read is dropped,
    /// and every open array and object is ended. The remainder itself where the text came to its end, or is no JSON.
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

    /// Which diverted string a string of the remainder stands for; nil if it is an ordinary string.
    /// A sender cannot forge a marker: it holds a random number drawn for this text.
    package func ordinal(ofMarker string: String) -> Int? {
        guard string.hasPrefix(markerPrefix), let ordinal = Int(string.dropFirst(markerPrefix.count)),
            markers.indices.contains(ordinal)
        else { return nil }
        return ordinal
    }

    /// The remainder for a person to read.
    /// - Parameter text: what stands in place of a diverted string, by its ordinal; quotes included.
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

    /// Takes the next bytes of the text. Text that is not JSON is kept as remainder.
    package mutating func consume(_ bytes: some Sequence<UInt8>) throws(Failure) -> [Event] {
        var events: [Event] = []
        let isRead: Void? = bytes.withContiguousStorageIfAvailable { read($0, into: &events) }
        if isRead == nil {
            // A sequence that is not stored in one piece is copied into one first.
            _ = Array(bytes).withUnsafeBufferPointer { read($0, into: &events) }
        }
        if let failure { throw failure }
        return events
    }

    /// Takes the next bytes up to the end of the text's one value, and no further.
    /// - Returns: what they hold, and how many they were.
    package mutating func consumeValue(_ bytes: ArraySlice<UInt8>) throws(Failure) -> (events: [Event], count: Int) {
        stopsAtEnd = true
        var events: [Event] = []
        let count = bytes.withUnsafeBufferPointer { read($0, into: &events) }
        if let failure { throw failure }
        return (events, count)
    }

    /// - Returns: how many bytes were taken.
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
        // Some writers leave a comma at the end, and JSONDecoder reads over it.
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
        // What a key or an ordinary string says matters only as far as a key of the path could be it.
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

    /// Whether the value that comes next stands where the path leads, at the end or on the way.
    private var memberIsOnPath: Bool { containers.last?.memberIsOnPath ?? true }

    private var isAtPath: Bool {
        switch target {
        case .path(let path): containers.count == path.count && memberIsOnPath
        case .names: memberName != nil
        }
    }

    /// The folded name that the value which comes next would be diverted for; nil if it would not.
    private var memberName: String? {
        guard case .names(let names, _) = target else { return nil }
        return containers.isEmpty ? (names.contains("") ? "" : nil) : containers.last?.name
    }

    /// The name of the member that comes next, or of one around it, if everything under it is diverted.
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

    /// Of its own, because most of a text comes byte by byte.
    private mutating func keep(_ byte: UInt8) {
        if remainder.count < remainderLimit {
            remainder.append(byte)
        } else {
            failure = .tooLong(limit: remainderLimit)
        }
    }

    /// U+FEFF before the text is no part of it.
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
