import FluxqFormats

/// One JSON text of an answer. Its pictures and links were removed while it streamed in. An answer has one document, or
/// one for each of its events.
struct AnswerDocument {
    private(set) var diverter: JSONDiverter
    /// By their ordinals in the text.
    private(set) var captures: [Capture] = []
    /// The name of the event that carried it.
    var event: String?

    init(remainderLimit: Int) {
        diverter = JSONDiverter(
            names: PictureName.all, whole: PictureName.echoes, remainderLimit: remainderLimit)
    }

    mutating func consume(
        _ bytes: ArraySlice<UInt8>
    ) throws(JSONDiverter.Failure) -> (events: [JSONDiverter.Event], count: Int) {
        try diverter.consumeValue(bytes)
    }

    mutating func append(_ capture: Capture) {
        captures.append(capture)
    }

    /// True if the text has ended.
    var isComplete: Bool { diverter.isComplete }

    /// The JSON of the text received so far; nil if it is not JSON.
    var json: JSONValue? {
        let text = diverter.closedRemainder
        let json = JSONValue(bounded: text) ?? JSONValue(bounded: Array(String(decoding: text, as: UTF8.self).utf8))
        return json.map { restored($0) }
    }

    /// Returns the removed string that a string of the JSON stands for; nil if it is an ordinary string.
    func capture(for marker: String) -> Capture? {
        diverter.ordinal(ofMarker: marker).map { $0 < captures.count ? captures[$0] : .invalid("it was cut off") }
    }

    /// The captures grouped by their object, for a text that is not JSON.
    var groups: [[(name: PictureName, capture: Capture)]] {
        var groups: [(container: Int?, captures: [(PictureName, Capture)])] = []
        for (place, capture) in zip(diverter.places, captures) {
            let element = (PictureName(place.name), capture)
            if let last = groups.indices.last, groups[last].container == place.container, place.container != nil {
                groups[last].captures.append(element)
            } else {
                groups.append((place.container, [element]))
            }
        }
        return groups.map { $0.captures.map { (name: $0.0, capture: $0.1) } }
    }

    /// The text in a form for people.
    var readable: [UInt8] {
        diverter.remainder { ordinal in
            switch ordinal < captures.count ? captures[ordinal] : .invalid("it was cut off") {
            case .empty: "\"\""
            case .link(let link): "\"\(link)\""
            case .picture(let ordinal): "\"(picture \(ordinal + 1))\""
            case .broken(let ordinal, let reason): "\"(picture \(ordinal + 1): \(reason))\""
            case .invalid(let reason): "\"(not a picture: \(reason))\""
            case .text(let text): "\"\(text)\""
            }
        }
    }

    /// Puts the texts that are neither picture nor link back into their places.
    private func restored(_ value: JSONValue) -> JSONValue {
        Self.replacing(value) { string in
            switch capture(for: string) {
            case .text(let text): text
            case .empty: ""
            default: string
            }
        }
    }

    /// Replaces all removed strings with words or text, for the parts that a person reads.
    func worded(_ json: JSONValue) -> JSONValue {
        Self.replacing(json) { string in
            switch capture(for: string) {
            case nil: string
            case .text(let text), .link(let text): text
            case .empty: ""
            case .picture: "(a picture)"
            case .broken, .invalid: "(not a whole picture or link)"
            }
        }
    }

    private static func replacing(_ value: JSONValue, with text: (String) -> String) -> JSONValue {
        switch value {
        case .string(let string): .string(text(string))
        case .array(let elements): .array(elements.map { replacing($0, with: text) })
        case .object(let members): .object(members.mapValues { replacing($0, with: text) })
        case .null, .bool, .integer, .number: value
        }
    }
}
