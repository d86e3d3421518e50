import Foundation

/// A shell session with the output of each command: text that a person reads and a test runs.
///
/// ```
/// Prose, which nobody runs.
///
///     $ fluxq submit --image photograph.jpg "Make it rain"
///     1
///     $ fluxq status 99
///     fluxq: There is no job 99 of yours.
///     [65]
/// ```
///
/// A command is a line that begins with `$ `, and its continuation one with `> `. Its output follows, standard output
/// and standard error in order, and then `[N]` if it exited with N other than 0.
struct Transcript {
    struct Command {
        /// One or more lines for the shell.
        var text: String
        var expected: [String] = []
    }

    private(set) var commands: [Command] = []

    /// - Parameters:
    ///   - text: the file.
    ///   - isMarkdown: true if the commands are in blocks of ```` ```console ````; otherwise they are indented by four
    ///     spaces.
    init(_ text: String, isMarkdown: Bool) {
        var isInBlock = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if isMarkdown {
                if line.hasPrefix("```") {
                    isInBlock = line == "```console"
                } else if isInBlock {
                    add(line)
                }
            } else if line.hasPrefix("    ") {
                add(line.dropFirst(4))
            }
        }
    }

    /// The same session with other commands.
    func running(_ change: (String) -> String) -> Transcript {
        var changed = self
        for index in commands.indices { changed.commands[index].text = change(commands[index].text) }
        return changed
    }

    private mutating func add(_ line: Substring) {
        if line.hasPrefix("$ ") {
            commands.append(Command(text: String(line.dropFirst(2))))
        } else if line.hasPrefix("> "), let last = commands.indices.last, commands[last].expected.isEmpty {
            commands[last].text += "\n" + line.dropFirst(2)
        } else if let last = commands.indices.last {
            commands[last].expected.append(String(line))
        }
    }

    /// A script of `bash` that runs the commands in one shell and marks where the output of each ends.
    func script(mark: String) -> String {
        commands.map { "{ \($0.text)\n} 2>&1\nprintf '\\n\(mark) %d\\n' $?\n" }.joined()
    }

    /// The script's output, by command, with `[N]` for each exit status other than 0.
    static func outputs(of text: String, mark: String) -> [[String]] {
        var parts = text.components(separatedBy: "\n\(mark) ")
        guard var output = parts.first else { return [] }
        parts.removeFirst()
        return parts.map { part in
            let end = part.firstIndex(of: "\n") ?? part.endIndex
            let status = part[..<end]
            var lines = output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            if lines.last == "" { lines.removeLast() }
            if status != "0" { lines.append("[\(status)]") }
            output = String(part[end...].dropFirst())
            return lines
        }
    }

    /// Replaces everything that differs between runs: two lines that are equal afterwards mean the same.
    static func normal(_ line: String) -> String {
        let replacements: [(pattern: Regex<Substring>, by: String)] = [
            (/sha256:[0-9a-f]{64}/, "SHA256"),
            (/req-[0-9a-f]+/, "REQUEST-ID"),
            (/[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z?/, "TIME"),
            (/\((?:now|in [0-9]+ (?:ms|s)|[0-9]+ (?:ms|s) ago)\)/, "(WHEN)"),
            (/\b[0-9]+(?:\.[0-9]+)? (?:ms|s|min)\b/, "DURATION"),
            (/\b[0-9]+(?:\.[0-9]+)? (?:B|KiB|MiB|GiB)\b/, "SIZE"),
            (/\b[0-9]{6,}\b/, "NUMBER"),
            (/\b[^ ]+ \(uid [0-9]+\)/, "USER"),
            (/[ ]{2,}/, " "),
        ]
        return replacements.reduce(line) { $0.replacing($1.pattern, with: $1.by) }
    }
}
