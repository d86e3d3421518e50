/// The options of a verb, as far as they are needed to tell them from its other words. A test compares this with the
/// verbs.
struct VerbWords: Hashable, Sendable {
    /// The kind of an option's value.
    enum Value: Hashable, Sendable {
        /// UTF-8.
        case text
        /// Any bytes.
        case path
    }

    /// The kind of the words without an option.
    enum Rest: Hashable, Sendable {
        /// One text, which may begin with a dash.
        case prompt
        /// Job numbers and similar words, or nothing.
        case others
    }

    /// Options with a value, by name without dashes.
    let values: [String: Value]
    let flags: Set<String>
    let rest: Rest

    /// Options that can be repeated.
    static let repeatable: Set<String> = ["set"]

    private init(_ values: [String: Value] = [:], flags: Set<String> = [], rest: Rest = .others) {
        self.values = values.merging(["socket": .path]) { own, _ in own }
        self.flags = flags.union(["json"])
        self.rest = rest
    }

    /// - Returns: nil if the word is no verb with options.
    init?(named word: [UInt8]) {
        guard let verb = String(validating: word, as: UTF8.self).flatMap({ Self.all[$0] }) else { return nil }
        self = verb
    }

    static let all: [String: VerbWords] = [
        "submit": VerbWords(
            [
                "image": .path, "n": .text, "strength": .text, "seed": .text, "steps": .text, "guidance-scale": .text,
                "negative-prompt": .text, "response-format": .text, "model": .text, "set": .text, "priority": .text,
                "label": .text, "at": .text, "key": .text, "on-unknown": .text, "output": .path, "prompt-file": .path,
            ], flags: ["wait"], rest: .prompt),
        "status": VerbWords(flags: ["calls"]),
        "list": VerbWords(["state": .text, "label": .text, "limit": .text], flags: ["all"]),
        "wait": VerbWords(["timeout": .text]),
        "fetch": VerbWords(["output": .path, "index": .text]),
        "cancel": VerbWords(),
        "retry": VerbWords(),
        "forget": VerbWords(["label": .text, "state": .text, "before": .text], flags: ["yes", "dry-run"]),
        "pause": VerbWords(),
        "resume": VerbWords(),
        "usage": VerbWords(flags: ["all"]),
        "models": VerbWords(),
        "user": VerbWords(),
    ]
}
