/// Which options a verb has, as far as it takes to tell them from its other words. A test holds this against the verbs.
struct VerbWords: Hashable, Sendable {
    /// What the word after an option is.
    enum Value: Hashable, Sendable {
        /// UTF-8.
        case text
        /// Any bytes.
        case path
    }

    /// What words without an option are.
    enum Rest: Hashable, Sendable {
        /// One text, which may begin with a dash.
        case prompt
        /// Numbers and the like, or nothing.
        case others
    }

    /// Options with a value, by name without dashes.
    let values: [String: Value]
    let flags: Set<String>
    let rest: Rest

    /// Options that may be given several times.
    static let repeatable: Set<String> = ["set"]

    private init(_ values: [String: Value] = [:], flags: Set<String> = [], rest: Rest = .others) {
        self.values = values.merging(["socket": .path]) { own, _ in own }
        self.flags = flags.union(["json"])
        self.rest = rest
    }

    /// - Returns: nil for a word that is no verb with options.
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
