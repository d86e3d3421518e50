import FluxqFormats
import FluxqModel
import FoundationEssentials

extension Reply {
    enum Limits {
        /// What is kept of an answer for a person to look at.
        static let excerptCharacters = 16 * 1024
        static let items = 64
        static let usageBytes = 16 * 1024
        /// What is kept of an answer that is no 2xx.
        static let errorBytes = 256 * 1024
        /// How much of such an answer is read to see whether it ends: one that does not is not "answered in full".
        static let longestErrorBytes = 16 << 20
    }

    /// Takes what a 2xx brought.
    mutating func read(_ reader: AnswerReader, quotation: Quotation) {
        let json = reader.isTooLong ? nil : JSONValue(bounded: reader.remainder)
        let elements: [JSONValue] = if case .array(let elements) = json?["data"] { elements } else { [] }
        let items = elements.prefix(Limits.items).map { AnswerItem($0, in: reader, quotation: quotation) }
        answer = Answer(
            created: json?["created"].flatMap(Self.time),
            usage: json?["usage"].flatMap(Self.usage).map { quotation.clean($0, limit: Limits.usageBytes) },
            requestID: quotation.clean(ifAny: requestID, limit: Quotation.wordLimit),
            // What cannot be read as JSON may still hold pictures that have been paid for.
            items: json == nil
                ? reader.captures.compactMap { AnswerItem(capture: $0, quotation: quotation) } : items,
            excerpt: quotation.clean(reader.readableRemainder(), limit: Limits.excerptCharacters))
        error = json.flatMap(ErrorDocument.init(answer:))
        itemErrors = elements.compactMap { $0["error"].flatMap(ErrorDocument.init(error:)) }
    }

    /// Takes the body of anything but a 2xx.
    mutating func read(_ body: [UInt8]) {
        let json = JSONValue(bounded: body)
        error = json.flatMap(ErrorDocument.init(answer:))
        remark = json.flatMap(ErrorDocument.remark(in:)) ?? Self.beginning(of: body).map { "HTTP \(status): \($0)" }
    }

    /// Seconds since 1970, or milliseconds where it can be nothing else.
    private static func time(_ value: JSONValue) -> Timestamp? {
        guard let number = value.double ?? value.string.flatMap({ Double($0) }), number >= 1, number < 1e14 else {
            return nil
        }
        return number < 1e11 ? Timestamp(secondsSinceEpoch: Int64(number)) : Timestamp(rawValue: Int64(number))
    }

    private static func usage(_ value: JSONValue) -> String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard value != .null, let text = try? encoder.encode(value), text.count <= Limits.usageBytes else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// The first words of a page, its tags left out.
    private static func beginning(of body: [UInt8]) -> String? {
        var words = ""
        var isTag = false
        for character in String(decoding: body.prefix(4096), as: UTF8.self) {
            if character == "<" { isTag = true }
            if !isTag, !(character.isWhitespace && words.last?.isWhitespace ?? true) {
                words.append(character.isWhitespace ? " " : character)
            }
            if character == ">" {
                isTag = false
                if let last = words.last, !last.isWhitespace { words.append(" ") }
            }
        }
        let trimmed = words.prefix(300)
        return trimmed.contains { !$0.isWhitespace } ? String(trimmed) : nil
    }
}

extension AnswerItem {
    /// One element of `data`.
    fileprivate init(_ element: JSONValue, in reader: AnswerReader, quotation: Quotation) {
        self.init()
        for key in ["b64_json", "url"] {
            switch element[key]?.string.flatMap(reader.capture(for:)) {
            case .link(let link): take(link, quotation)
            case .picture(let ordinal): inline = inline ?? ordinal
            case .invalid(let reason): error = error ?? "What \(key) holds is not a picture: \(reason)."
            case .empty, nil: break
            }
        }
        if let document = element["error"].flatMap(ErrorDocument.init(error:)) {
            let said = [document.code, document.message].compactMap(\.self).joined(separator: ": ")
            error = said.isEmpty ? "The API gave no reason." : quotation.clean(said)
        }
    }

    /// A link that holds the key is neither kept nor followed: it would take the key into the database, and to whoever serves
    /// the picture.
    private mutating func take(_ link: String, _ quotation: Quotation) {
        if quotation.isTelling(link) {
            error =
                error
                ?? "The API put the key that pays into its link to the picture, so the link is not kept. Change the key."
        } else {
            self.link = self.link ?? link
        }
    }

    fileprivate init?(capture: AnswerReader.Capture, quotation: Quotation) {
        switch capture {
        case .link(let link):
            self.init()
            take(link, quotation)
        case .picture(let ordinal): self.init(inline: ordinal)
        case .empty, .invalid: return nil
        }
    }
}
