/// Reads a JSON text as it streams in and diverts the strings at one path, so that pictures inside it never have to be
/// held in memory. What remains, with a short marker in place of each diverted string, is an ordinary small JSON text.
package struct JSONDiverter {
    package enum Element: Hashable, Sendable {
        case key(String)
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

    /// - Parameters:
    ///   - path: such as `[.key("data"), .anyIndex, .key("b64_json")]`.
    ///   - remainderLimit: how many bytes the text may have besides the diverted strings.
    package init(path: [Element], remainderLimit: Int) {
    }

    /// Takes the next bytes of the text. Text that is not JSON is kept as remainder.
    package mutating func consume(_ bytes: some Sequence<UInt8>) throws(Failure) -> [Event] {
        []
    }

    /// The text with a marker string in place of each diverted string; as much of it as has come.
    package var remainder: [UInt8] { [] }

    /// Which diverted string a string of the remainder stands for; nil where it is an ordinary string.
    /// A sender cannot forge a marker: it holds a random number drawn for this text.
    package func ordinal(ofMarker string: String) -> Int? { nil }
}
