import FluxqFormats
import FluxqModel
import FoundationEssentials

/// The contents of a 2xx answer, in any of the shapes that APIs are known to send.
///
/// ```
/// {"data": [{"url": …}, {"b64_json": …}]}          {"data": {"url": …}}      {"data": {"images": […]}}
/// {"images": ["https://…", {"url": …}]}            {"output": "https://…"}   {"output": ["https://…"]}
/// {"result": {"sample": "https://…"}}              {"artifacts": [{"base64": …}]}
/// {"choices": [{"message": {"images": [{"image_url": {"url": …}}]}}]}
/// {"candidates": [{"content": {"parts": [{"inlineData": {"data": …}}]}}]}
/// ```
struct AnswerContents {
    private static let depth = 8

    private(set) var items: [AnswerItem] = []
    /// The errors of items without a picture.
    private(set) var itemErrors: [ErrorDocument] = []
    /// The ordinals of pictures whose bytes are incomplete or damaged.
    private var broken: Set<Int> = []
    /// True if something that is not a picture was sent in place of one.
    private(set) var hasOthers = false

    private let redactor: Redactor
    private let base: AnswerBase?

    init(redactor: Redactor, base: AnswerBase?) {
        self.redactor = redactor
        self.base = base
    }

    mutating func add(_ document: AnswerDocument, _ json: JSONValue?) {
        let found = json.map { elements(in: $0, of: document, isElement: false, depth: 0) } ?? []
        items += found
        if found.isEmpty {
            // Text that is not JSON, or has another shape, may still contain pictures that have been paid for. Links in
            // another shape are ignored, because their targets are unknown.
            for group in document.groups {
                var item = AnswerItem()
                for (name, capture) in group where name != .echo {
                    if json != nil, case .link = capture { continue }
                    take(capture, into: &item)
                }
                if item.link != nil || item.inline != nil { items.append(item) }
            }
        }
    }

    mutating func add(_ body: Capture) {
        var item = AnswerItem()
        take(body, into: &item)
        if item != AnswerItem() { items.append(item) }
    }

    /// Adds an event about one failed picture.
    mutating func add(_ error: ErrorDocument) {
        itemErrors.append(error)
        items.append(AnswerItem(error: words(of: error)))
    }

    /// True if there is a whole picture or a link.
    var hasWhole: Bool {
        items.contains { item in item.link != nil || item.inline.map { !broken.contains($0) } ?? false }
    }

    /// True if there is anything that can be kept, even if it is damaged.
    var hasAnything: Bool { items.contains { $0.link != nil || $0.inline != nil } }

    // MARK: - Finding pictures

    private mutating func elements(
        in value: JSONValue, of document: AnswerDocument, under name: String = "", isElement: Bool, depth: Int
    ) -> [AnswerItem] {
        guard depth < Self.depth else { return [] }
        switch value {
        case .string(let text):
            var item = AnswerItem()
            if let capture = document.capture(for: text) { take(capture, into: &item) }
            return item == AnswerItem() ? [] : [item]
        case .array(let values):
            return values.prefix(Reply.Limits.items).flatMap { element -> [AnswerItem] in
                let found = elements(in: element, of: document, isElement: true, depth: depth + 1)
                // An empty element still stands for a picture that was requested.
                if found.isEmpty, case .object = element, name == "data" || name == "images" { return [AnswerItem()] }
                return found
            }
        case .object(let members):
            let names = Self.named(members, in: document)
            if isElement, let item = item(of: names, in: document, isElement: true, depth: depth) { return [item] }
            var empty: [AnswerItem] = []
            for name in PictureName.containers {
                guard let member = names[name] else { continue }
                let found = elements(in: member, of: document, under: name, isElement: false, depth: depth + 1)
                if found.contains(where: { $0 != AnswerItem() }) { return found }
                if empty.isEmpty { empty = found }
            }
            guard !isElement, let item = item(of: names, in: document, isElement: false, depth: depth) else {
                return empty
            }
            // The link of a task leads to the task, not to a picture.
            return item.inline == nil && AnswerSigns.saysTask(value) ? empty : [item]
        case .null, .bool, .integer, .number: return []
        }
    }

    /// Returns the picture in an object's own members, or its error; nil if there is neither.
    private mutating func item(
        of names: [String: JSONValue], in document: AnswerDocument, isElement: Bool, depth: Int
    ) -> AnswerItem? {
        var item = AnswerItem()
        for name in PictureName.direct {
            switch names[name] {
            case .string(let text)?:
                if let capture = document.capture(for: text) { take(capture, into: &item) }
            case .object?, .array?:
                guard let member = names[name] else { break }
                let found = elements(in: member, of: document, isElement: true, depth: depth + 1)
                item.link = item.link ?? found.first?.link
                item.inline = item.inline ?? found.first?.inline
                item.error = item.error ?? found.first?.error
            default: break
            }
        }
        if isElement, let error = names["error"].flatMap({ ErrorDocument(error: document.worded($0)) }) {
            if item.link == nil, item.inline == nil { itemErrors.append(error) }
            item.error = words(of: error)
        }
        return item == AnswerItem() ? nil : item
    }

    /// Returns members by their folded names. If several names fold to one (`imageUrl` beside `image_url`), the member
    /// with the most useful value counts; if equal, the first by name.
    private static func named(_ members: [String: JSONValue], in document: AnswerDocument) -> [String: JSONValue] {
        let sorted = members.sorted { $0.key < $1.key }.map { (JSONDiverter.folded($0.key), $0.value) }
        return Dictionary(sorted) { first, second in
            worth(of: second, in: document) > worth(of: first, in: document) ? second : first
        }
    }

    private static func worth(of value: JSONValue, in document: AnswerDocument) -> Int {
        switch value {
        case .null: return 0
        case .bool, .integer, .number: return 1
        case .array(let elements): return elements.isEmpty ? 0 : 2
        case .object(let members): return members.isEmpty ? 0 : 2
        case .string(let text):
            switch document.capture(for: text) {
            case .link, .picture: return 4
            case .broken: return 3
            case .invalid, .text: return 1
            case .empty: return 0
            case nil: return text.isEmpty ? 0 : 1
            }
        }
    }

    // MARK: - One picture

    private mutating func take(_ capture: Capture, into item: inout AnswerItem) {
        switch capture {
        case .link(let link):
            let link = base?.resolve(link) ?? link
            // A link that contains the key is neither kept nor followed: the key would get into the database, and to
            // the server of the picture.
            if redactor.isTelling(link) {
                hasOthers = true
                item.error =
                    item.error
                    ?? "The API put your API key into its link to the picture, so fluxq does not store the link. "
                    + "Change the key."
            } else {
                item.link = item.link ?? link
            }
        case .picture(let ordinal):
            item.inline = item.inline ?? ordinal
        case .broken(let ordinal, let reason):
            broken.insert(ordinal)
            item.inline = item.inline ?? ordinal
            item.error = item.error ?? redactor.clean("The inline data is not a complete picture: \(reason).")
        case .invalid(let reason):
            hasOthers = true
            item.error = item.error ?? redactor.clean("The data in the picture's place is not a picture: \(reason).")
        case .empty, .text: break
        }
    }

    private func words(of error: ErrorDocument) -> String {
        let said = [error.code, error.message].compactMap(\.self).joined(separator: ": ")
        return said.isEmpty ? "The API gave no reason." : redactor.clean(said)
    }
}

/// The base of links without a scheme or a host: `api.base_url`.
struct AnswerBase: Hashable, Sendable {
    /// Such as `https`.
    let scheme: String
    /// Such as `api.example:8443`.
    let authority: String
    /// Such as `/v1`, without a slash at its end.
    let path: String

    /// - Returns: a link with a scheme unchanged; any other link with its missing parts added in front.
    func resolve(_ link: String) -> String {
        let scheme = link.utf8.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        if scheme.count < link.utf8.count, link.utf8.dropFirst(scheme.count).first == UInt8(ascii: ":") { return link }
        if link.hasPrefix("//") { return "\(self.scheme):\(link)" }
        let origin = "\(self.scheme)://\(authority)"
        if link.hasPrefix("/") { return origin + link }
        var folder = path.split(separator: "/")
        var rest = Substring(link)
        while true {
            if rest.hasPrefix("./") {
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix("../") {
                rest = rest.dropFirst(3)
                if !folder.isEmpty { folder.removeLast() }
            } else {
                break
            }
        }
        return ([origin] + folder.map(String.init) + [String(rest)]).joined(separator: "/")
    }
}
