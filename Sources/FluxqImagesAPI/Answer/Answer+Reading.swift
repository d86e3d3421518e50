import FluxqFormats
import FluxqModel
import FoundationEssentials

extension Reply {
    enum Limits {
        /// Characters of an answer that are kept for a person to read.
        static let excerptCharacters = 16 * 1024
        static let items = 64
        static let usageBytes = 16 * 1024
        /// Bytes that are kept of an answer other than a 2xx.
        static let errorBytes = 256 * 1024
        /// Bytes that are read of such an answer to see whether it ends. An answer that does not end is not "answered
        /// in full".
        static let longestErrorBytes = 16 << 20
    }

    /// Sets the properties that depend on the body of a 2xx.
    ///
    /// - Parameter trouble: the reason why the body broke off, such as "the other side closed the connection".
    mutating func read(_ reader: AnswerReader, redactor: Redactor, base: AnswerBase?, trouble: String?) {
        let documents = reader.documents.map { (document: $0, json: $0.json) }
            .filter { !$0.document.isPreview($0.json) }
            .map { (document: $0.document, json: $0.json, words: $0.json.map($0.document.worded)) }
        var contents = AnswerContents(redactor: redactor, base: base)
        for (document, json, words) in documents {
            let before = contents.items.count
            contents.add(document, json)
            guard let words else { continue }
            // An event about one failed picture is no failure of the whole answer.
            if let failure = ErrorDocument(answer: words, event: document.event) {
                if reader.kind == .events, contents.items.count == before { contents.add(failure) }
                error = error ?? failure
            }
        }
        if let body = reader.body { contents.add(body) }
        let values = documents.compactMap(\.json)
        excerpt = redactor.clean(reader.readable, limit: Limits.excerptCharacters)
        answer = Answer(
            created: values.lazy.compactMap { ($0["created"] ?? $0["created_at"]).flatMap(Self.time) }.first,
            usage: documents.last { $0.words?["usage"] ?? .null != .null }?.words?["usage"].flatMap(Self.usage)
                .map { redactor.clean($0, limit: Limits.usageBytes) },
            requestID: redactor.clean(ifAny: requestID, limit: Redactor.wordLimit),
            items: Array(contents.items.prefix(Limits.items)), excerpt: excerpt,
            defect: Self.defect(of: reader, trouble: trouble).map(CallTrouble.said))
        hasOthers = contents.hasOthers
        itemErrors = contents.itemErrors
        says = saying(values, reader)
        remark =
            says == .page
            ? Self.beginning(of: reader.text)
            : documents.lazy.compactMap { $0.words.flatMap { ErrorDocument.remark(in: $0) } }.first
        // An answer that broke off says nothing unless it has a picture or a message of its own.
        let isCut = trouble != nil || isDelimitedByClose && reader.isCut || reader.codingDefect != nil
        if !contents.hasWhole, isCut, !(reader.isComplete && (error != nil || says != .nothing)), says != .page {
            defect = reader.codingDefect ?? "its body was cut off" + (trouble.map { ": \($0)" } ?? "")
        }
        isAnswered = contents.hasWhole || defect == nil && contents.hasAnything
    }

    /// Returns why an answer with pictures broke off; nil if it is whole.
    private static func defect(of reader: AnswerReader, trouble: String?) -> String? {
        if reader.isComplete { return nil }
        if reader.isTooLong { return "it is longer than an answer may be" }
        if reader.kind == .events, trouble == nil, !reader.isCut { return reader.codingDefect }
        return trouble ?? reader.codingDefect ?? (reader.isCut ? "it ends in the middle" : nil)
    }

    private func saying(_ values: [JSONValue], _ reader: AnswerReader) -> Saying {
        if reader.kind == .page { return .page }
        if values.contains(where: { AnswerSigns.saysModerated($0) }) { return .moderated }
        if values.contains(where: AnswerSigns.saysFailed) { return .failed }
        if status == 202 || values.contains(where: AnswerSigns.saysTask) { return .task }
        return .nothing
    }

    /// Sets the properties that depend on the body of any other status. Its content codings are already decoded.
    mutating func read(_ body: [UInt8]) {
        var framing = BodyFraming(mediaType: mediaType)
        var texts: [[UInt8]] = [[]]
        for part in framing.read(body, isEnd: true) {
            switch part {
            case .payload(let bytes): texts[texts.count - 1] += bytes
            case .boundary where texts.last?.isEmpty == false: texts.append([])
            case .boundary, .name: break
            }
        }
        let json = texts.lazy.compactMap { JSONValue(bounded: $0) }.first
        error = json.flatMap { ErrorDocument(answer: $0) }
        remark = json.flatMap(ErrorDocument.remark(in:)) ?? Self.beginning(of: texts[0]).map { "HTTP \(status): \($0)" }
        if let json, AnswerSigns.saysModerated(json) { says = .moderated }
    }

    /// Quotes the beginning of a body that broke off. It is for people to read and decides nothing.
    mutating func quote(_ beginning: [UInt8]) { remark = Self.beginning(of: beginning) }

    /// Reads seconds since 1970, or milliseconds if the number is too large for seconds.
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

    /// Returns the first words of a page, without its tags.
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
