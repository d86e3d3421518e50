import FluxqFormats

/// One JSON text of an answer, its pictures and links taken out while it streamed in. An answer has one, or one for each of
/// its events.
struct AnswerDocument {
    private(set) var diverter: JSONDiverter
    /// By their ordinals in the text.
    private(set) var captures: [Capture] = []
    /// The name of the event that brought it.
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

    /// The text came to its end.
    var isComplete: Bool { diverter.isComplete }

    /// What the text says as far as it came; nil if it is no JSON.
    var json: JSONValue? {
        let text = diverter.closedRemainder
        let json = JSONValue(bounded: text) ?? JSONValue(bounded: Array(String(decoding: text, as: UTF8.self).utf8))
        return json.map { restored($0) }
    }

    /// The string that stood there, if a string of the JSON stands for one that was taken out.
    func capture(for marker: String) -> Capture? {
        diverter.ordinal(ofMarker: marker).map { $0 < captures.count ? captures[$0] : .invalid("it was cut off") }
    }

    /// The captures of each object together, for a text that is no JSON.
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

    /// As a person would want to see it.
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

    /// With the texts that are neither picture nor link back in their places.
    private func restored(_ value: JSONValue) -> JSONValue {
        Self.replacing(value) { string in
            switch capture(for: string) {
            case .text(let text): text
            case .empty: ""
            default: string
            }
        }
    }

    /// With words in place of all that was taken out, for the parts that a person reads.
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
