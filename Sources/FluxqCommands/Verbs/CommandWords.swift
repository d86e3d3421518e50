import FluxqControl
import FluxqHost

/// Sorts the words of a command line into options, values and the rest. So no prompt, label or path is mistaken for an
/// option, whatever it begins with.
///
/// ```
/// submit --label -high --image cafe.jpg "- brighten"
///   └─> submit --label=-high --image=636166652e6a7067 -- "- brighten"
/// ```
///
/// The argument parser then finds no ambiguous word. It accepts only text, so paths, which are bytes, pass through it
/// in hexadecimal.
struct CommandWords: Hashable, Sendable {
    /// The input of the argument parser.
    let arguments: [String]

    /// - Parameter words: those after the program's name.
    /// - Throws: `CommandFailure` for an option that is unknown, given twice or without its value, and for text that is
    ///   not UTF-8.
    init(_ words: [[UInt8]]) throws(CommandFailure) {
        guard let first = words.first, let verb = VerbWords(named: first) else {
            var texts: [String] = []
            for word in words { texts.append(try Self.text(word, of: "This")) }
            arguments = texts
            return
        }
        var sorting = Sorting(verb: verb, name: String(decoding: first, as: UTF8.self))
        arguments = try sorting.sort(words.dropFirst())
    }

    /// True if failures are to be JSON documents. `--json` counts even if nothing else on the command line can be
    /// parsed.
    static func askForJSON(_ words: [[UInt8]]) -> Bool {
        words.prefix { $0 != Array("--".utf8) }.contains(Array("--json".utf8))
    }

    fileprivate static func text(_ word: some Collection<UInt8>, of owner: String) throws(CommandFailure) -> String {
        guard let text = String(validating: word, as: UTF8.self) else {
            throw CommandFailure(
                .badInput, code: "not_utf8",
                "\(owner) is not UTF-8: \(String(decoding: word, as: UTF8.self)). Convert it first, such as with: "
                    + "iconv -f latin1 -t utf-8. Nothing was done.")
        }
        return text
    }
}

/// A path in the form in which it passes through the argument parser.
enum PathWord {
    static func written(_ bytes: some Collection<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// - Throws: `CommandFailure` for a word that `written` did not make.
    static func read(_ word: String) throws -> BytePath {
        let digits = Array(word.utf8)
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[place...].prefix(2), as: UTF8.self), radix: 16) else {
                throw CommandFailure(.usage, code: "usage", "\(word) is not a path in hexadecimal.")
            }
            bytes.append(byte)
        }
        return BytePath(bytes: bytes)
    }
}

private struct Sorting {
    let verb: VerbWords
    let name: String
    private var options: [String] = []
    private var rest: [String] = []
    private var given: Set<String> = []

    init(verb: VerbWords, name: String) {
        self.verb = verb
        self.name = name
    }

    mutating func sort(_ words: ArraySlice<[UInt8]>) throws(CommandFailure) -> [String] {
        if let help = try help(words) { return [name, help] }
        var words = words
        var isOver = false
        while let word = words.popFirst() {
            if isOver {
                try take(word)
            } else if word == Array("--".utf8) {
                isOver = true
            } else if let option = Option(word), verb.flags.contains(option.name) {
                guard option.value == nil else { throw usage("--\(option.name) takes no value.") }
                options.append("--\(option.name)")
            } else if let option = Option(word), let kind = verb.values[option.name] {
                guard let value = option.value ?? words.popFirst() else {
                    throw usage("--\(option.name) needs a value.")
                }
                try take(option.name, kind, value)
            } else if word.first == UInt8(ascii: "-"), word.count > 1, !isPrompt(word) {
                throw try unknown(word)
            } else {
                try take(word)
            }
        }
        return [name] + options + (rest.isEmpty ? [] : ["--"] + rest)
    }

    /// - Returns: the word for help; nil if none is asked for. A verb with a prompt accepts it only alone: among other
    ///   words it is an error, so that no script mistakes printed help for a submit.
    private func help(_ words: ArraySlice<[UInt8]>) throws(CommandFailure) -> String? {
        let spoken = words.prefix { $0 != Array("--".utf8) }
        if verb.rest == .prompt {
            guard words.count == 1, let word = words.first else { return nil }
            return Self.helpWord(word)
        }
        var takesValue = false
        for word in spoken {
            if takesValue {
                takesValue = false
                continue
            }
            if let help = Self.helpWord(word) { return help }
            if let option = Option(word), option.value == nil { takesValue = verb.values[option.name] != nil }
        }
        return nil
    }

    /// The word in the argument parser's form; nil unless it asks for help.
    private static func helpWord(_ word: [UInt8]) -> String? {
        ["-h", "--help", "--help-hidden"].first { Array($0.utf8) == word }
    }

    private mutating func take(_ option: String, _ kind: VerbWords.Value, _ value: [UInt8]) throws(CommandFailure) {
        guard given.insert(option).inserted || VerbWords.repeatable.contains(option) else {
            throw usage(
                option == "image"
                    ? "--image is given twice. A job edits one picture; submit one job for each."
                    : "--\(option) is given twice. Give it once.")
        }
        let word =
            switch kind {
            case .path: PathWord.written(value)
            case .text: try CommandWords.text(value, of: "The value of --\(option)")
            }
        // The argument parser reads `--option=` as an option without a value.
        options += word.isEmpty ? ["--\(option)", ""] : ["--\(option)=\(word)"]
    }

    private mutating func take(_ word: [UInt8]) throws(CommandFailure) {
        let text = try CommandWords.text(word, of: verb.rest == .prompt ? "The prompt" : "This")
        if verb.rest == .prompt, let first = rest.first {
            throw usage(
                "More than one prompt: \"\(first)\" and \"\(text)\". Give one, in quotes; options begin with two dashes."
            )
        }
        rest.append(text)
    }

    /// True if a word that begins with a dash and is no option of the verb is the prompt. False for one in the form of
    /// an option: it may be mistyped, and a wrong prompt costs money.
    private func isPrompt(_ word: [UInt8]) -> Bool {
        guard verb.rest == .prompt, Self.helpWord(word) == nil else { return false }
        guard word.starts(with: Array("--".utf8)) else { return true }
        let name = word.dropFirst(2).prefix { $0 != UInt8(ascii: "=") }
        return name.first == UInt8(ascii: "-") || name.isEmpty || !name.allSatisfy(Self.isInOptionNames)
    }

    private static func isInOptionNames(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private func unknown(_ word: [UInt8]) throws(CommandFailure) -> CommandFailure {
        let text = try CommandWords.text(word, of: "This")
        guard verb.rest == .prompt else { return usage("\(text) is not an option of fluxq \(name).") }
        let isHelp = Option(word).map { ["help", "help-hidden"].contains($0.name) } ?? true
        return usage(
            (isHelp ? "\(text) is among other arguments." : "\(text) is not an option of fluxq \(name).")
                + " If it is the prompt, write it after --: fluxq \(name) … -- \"\(text)\". Nothing was queued.")
    }

    private func usage(_ detail: String) -> CommandFailure {
        CommandFailure(.usage, code: "usage", "\(detail) See: fluxq help \(name)")
    }
}

/// A word in the form of an option: `--name` or `--name=value`.
private struct Option {
    let name: String
    let value: [UInt8]?

    init?(_ word: [UInt8]) {
        guard word.starts(with: Array("--".utf8)), word.count > 2 else { return nil }
        let name = word.dropFirst(2).prefix { $0 != UInt8(ascii: "=") }
        self.name = String(decoding: name, as: UTF8.self)
        value = name.count + 2 < word.count ? Array(word.dropFirst(name.count + 3)) : nil
    }
}
