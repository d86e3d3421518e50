/// A word of a prompt that the sandbox does not know or cannot use, with a message.
struct WordError: Error, Hashable, Sendable {
    let message: String
}

/// The text after a word's `=`.
struct WordValue: Sendable {
    let word: String
    /// nil if there is no `=`.
    let text: String?

    /// - Parameter absent: the value if there is no text; nil if a value is required.
    func number(in range: ClosedRange<Int>, absent: Int? = nil) throws(WordError) -> Int {
        if text == nil, let absent { return absent }
        guard let number = text.flatMap({ Int($0) }), range.contains(number) else {
            throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func seconds(in range: ClosedRange<Double>) throws(WordError) -> Double {
        guard let number = text.flatMap({ Double($0) }), range.contains(number) else {
            throw wrong("a number of seconds from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func size(sides: ClosedRange<Int>) throws(WordError) -> Script.Size {
        let parts = (text ?? "").split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let width = parts[0], let height = parts[1], sides.contains(width),
            sides.contains(height)
        else { throw wrong("WIDTHxHEIGHT, each from \(sides.lowerBound) to \(sides.upperBound)") }
        return Script.Size(width: width, height: height)
    }

    /// nil if there is no text.
    func retryAfter() throws(WordError) -> WrittenRetryAfter? {
        guard let text else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 2 else {
            guard Double(text) != nil else {
                throw wrong(
                    "a number of seconds, or one of date:, rfc850:, asctime:, ms:, reset: and text: before a value")
            }
            return .verbatim(text)
        }
        switch parts[0] {
        case "ms": return .milliseconds(parts[1])
        case "reset": return .reset(parts[1])
        case "text": return .verbatim(parts[1])
        default:
            guard let form = WrittenRetryAfter.DateForm(rawValue: parts[0]), let seconds = Int(parts[1]),
                abs(seconds) < 1_000_000_000
            else { throw wrong("date:, rfc850: or asctime: and a whole number of seconds") }
            return .date(form, secondsAhead: seconds)
        }
    }

    /// Content codings separated by `+`, in the order in which they are applied; unknown ones are only declared.
    func coding() throws(WordError) -> Script.Coding {
        guard let text, !text.isEmpty else { throw wrong("a content coding such as gzip, deflate, br or utf-8") }
        let names = text.split(separator: "+").map { String($0) }
        return Script.Coding(
            said: names.map { $0 == "raw-deflate" ? "deflate" : $0 }.joined(separator: ", "),
            applied: names.compactMap { name in
                switch name.lowercased() {
                case "gzip", "x-gzip": .gzip
                case "deflate": .zlib
                case "raw-deflate": .raw
                default: nil
                }
            })
    }

    func truth() throws(WordError) -> Bool {
        guard let truth = text.flatMap({ Bool($0) }) else { throw wrong("true or false") }
        return truth
    }

    /// One of a fixed set of names.
    func choice<Choice: CaseIterable & RawRepresentable<String>>(
        absent: Choice? = nil
    ) throws(WordError) -> Choice {
        if text == nil, let absent { return absent }
        guard let choice = text.flatMap({ Choice(rawValue: $0) }) else {
            throw wrong("one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// A header token: lower-case letters, digits and `-`.
    func token() throws(WordError) -> String {
        guard let text, (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D })
        else { throw wrong("a word of up to 64 small letters, digits and -") }
        return text
    }

    /// The name of a file: letters and digits.
    func fileName() throws(WordError) -> String {
        guard let text, (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            })
        else { throw wrong("a name of up to 64 letters and digits") }
        return text
    }

    private func wrong(_ expected: String) -> WordError {
        let found = text.map { "is \($0)" } ?? "is missing"
        return WordError(message: "the value of sandbox:\(word) must be \(expected), but \(found)")
    }
}

/// The words of one prompt.
struct SpokenWords: Sendable {
    private let words: [(word: SandboxWord, value: WordValue)]
    /// The script of all words together; if two contradict each other, the later one wins.
    let script: Script

    init(in prompt: some StringProtocol) throws(WordError) {
        var words: [(word: SandboxWord, value: WordValue)] = []
        for token in prompt.split(whereSeparator: \.isWhitespace) where token.hasPrefix("sandbox:") && token.count > 8 {
            words.append(try Self.word(token.dropFirst(8)))
        }
        self.words = words
        script = try Self.script(of: words)
    }

    /// The script once `sandbox:times` is used up.
    func scriptAfterwards() throws(WordError) -> Script {
        try Self.script(of: words.filter { !$0.word.passes })
    }

    private static func word(_ token: some StringProtocol) throws(WordError) -> (SandboxWord, WordValue) {
        let parts = token.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        var name = parts[0]
        var text = parts.count == 2 ? parts[1] : nil
        if Int(name) != nil, text == nil { (name, text) = ("status", name) }
        guard let word = SandboxWord.allCases.first(where: { $0.name == name }) else {
            let names = SandboxWord.allCases.map(\.name).joined(separator: ", ")
            throw WordError(message: "sandbox:\(name) is none of the sandbox's words, which are: \(names)")
        }
        if word.value.isEmpty, text != nil {
            throw WordError(message: "sandbox:\(name) takes no value; write it without =")
        }
        return (word, WordValue(word: name, text: text))
    }

    private static func script(of words: [(word: SandboxWord, value: WordValue)]) throws(WordError) -> Script {
        var script = Script()
        for (word, value) in words { try word.play(&script, value) }
        return script
    }
}
