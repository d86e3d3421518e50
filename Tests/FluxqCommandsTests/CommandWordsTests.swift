import ArgumentParser
import FluxqControl
import FluxqHost
import Foundation
import Testing

@testable import FluxqCommands

@Suite("The words of a command line")
struct CommandWordsTests {
    private func submit(_ words: [String]) throws -> Submit {
        try #require(try FluxqCommand.parsed(["submit"] + words) as? Submit)
    }

    private func complaint(_ words: [[UInt8]]) -> CommandFailure? {
        do throws(CommandFailure) {
            _ = try CommandWords(words)
            return nil
        } catch {
            return error
        }
    }

    private func complaint(_ words: [String]) -> CommandFailure? {
        complaint(words.map { Array($0.utf8) })
    }

    static let dashedPrompts = [
        "- brighten the shadows", "-50% brightness", "- [ ] whiten teeth", "-h2o splash", "- add a cloud",
        "-5 stops, darker", "--no text", "-hello", "-help me", "-x", "-1", "-v", "--", "-- a dash and more", "---",
        "---\ntitle: x\n---", "--image of a cat", "--help me", "-\u{AD}", "--été", "-n 4",
    ]

    @Test("a prompt may begin with a dash", arguments: dashedPrompts.filter { $0 != "--" })
    func dashedPrompt(prompt: String) throws {
        for words in [["--image", "a.png", prompt], [prompt, "--wait", "--json"], ["--", prompt]] {
            #expect(try submit(words).prompt == prompt)
        }
    }

    @Test("after --, a word that looks like an option is the prompt", arguments: ["-h", "--help", "--wait", "--"])
    func behindDashes(prompt: String) throws {
        #expect(try submit(["--image", "a.png", "--", prompt]).prompt == prompt)
    }

    @Test("a value may be any word", arguments: dashedPrompts + ["-h", "--help", "--wait", "--version", "-", ""])
    func dashedValue(value: String) throws {
        for words in [["--label", value, "p"], ["--label=\(value)", "p"]] {
            #expect(try submit(words).label == value)
        }
        #expect(try submit(["--negative-prompt", value, "p"]).negativePrompt == value)
        #expect(try submit(["--key", value, "p"]).key == value)
        #expect(try submit(["--output", value, "p"]).output == BytePath(value))
        #expect(try submit(["--image", value, "p"]).image == BytePath(value))
        #expect((try FluxqCommand.parsed(["list", "--label", value]) as? List)?.label == value)
    }

    @Test(
        "a word that may be a mistyped option is refused, with how to use it as the prompt",
        arguments: ["--no-text", "--promt=x", "--dark", "--help-me", "-h", "--help", "--version"])
    func mistyped(word: String) {
        let complaint = complaint(["submit", "--image", "a.png", word])
        #expect(complaint?.status == .usage)
        #expect(complaint?.detail.contains("write it after --") == true)
        #expect(complaint?.detail.contains("Nothing was queued") == true)
    }

    @Test(
        "an option with one value is given once",
        arguments: ["image", "n", "seed", "label", "key", "at", "output", "socket", "model", "prompt-file"])
    func twice(option: String) {
        for words in [["--\(option)", "1", "--\(option)", "1"], ["--\(option)=1", "--\(option)", "2"]] {
            let complaint = complaint(["submit"] + words + ["p"])
            #expect(complaint?.status == .usage)
            #expect(complaint?.detail.contains("--\(option) is given twice") == true)
        }
        #expect(complaint(["fetch", "--output", "a", "--output", "a", "1"])?.status == .usage)
    }

    @Test("--set is allowed once for each field, and flags any number of times")
    func repeated() throws {
        #expect(try submit(["--set", "a=1", "--set", "b=-2", "p"]).settings.count == 2)
        #expect(try submit(["--wait", "--wait", "p"]).wait)
    }

    @Test("an option without its value, and a flag with one, are reported")
    func values() {
        #expect(complaint(["submit", "p", "--label"])?.detail.contains("--label needs a value") == true)
        #expect(complaint(["submit", "--wait=yes", "p"])?.detail.contains("--wait takes no value") == true)
        #expect(complaint(["submit", "one", "two"])?.detail.contains("More than one prompt") == true)
        #expect(complaint(["status", "--wait"])?.detail.contains("not an option of fluxq status") == true)
        #expect(complaint(["fetch", "-o", "x", "1"])?.status == .usage)
    }

    private static let latin1: [UInt8] = [0x46, 0xFC, 0x67, 0x65]

    @Test(
        "text that is not UTF-8 is refused, whatever it is for",
        arguments: ["label", "key", "negative-prompt", "model", "set", "at", "n"])
    func notText(option: String) {
        let words = ["submit", "--\(option)"].map { Array($0.utf8) } + [Self.latin1, Array("p".utf8)]
        let complaint = complaint(words)
        #expect(complaint?.status == .badInput)
        #expect(complaint?.detail.contains("The value of --\(option) is not UTF-8") == true)
        #expect(self.complaint([Array("submit".utf8), Self.latin1])?.detail.contains("iconv -f latin1") == true)
        #expect(self.complaint([Array("cancel".utf8), Self.latin1])?.status == .badInput)
        #expect(self.complaint([Self.latin1])?.status == .badInput)
    }

    @Test("a path is any bytes", arguments: ["image", "output", "socket", "prompt-file"])
    func paths(option: String) throws {
        let path = Array("caf".utf8) + [0xE9, 0xFF, 0x0A]
        let words = ["submit", "--\(option)"].map { Array($0.utf8) } + [path]
        let arguments = try CommandWords(words + (option == "prompt-file" ? [] : [Array("p".utf8)])).arguments
        let submit = try #require(try FluxqCommand.parseAsRoot(arguments) as? Submit)
        let read = [
            "image": submit.image, "output": submit.output, "socket": submit.global.socket,
            "prompt-file": submit.promptFile,
        ][option]
        #expect(read == BytePath(bytes: path))
    }

    @Test("help is asked for by a word of its own")
    func help() throws {
        for help in ["-h", "--help"] {
            #expect(try CommandWords([Array("submit".utf8), Array(help.utf8)]).arguments == ["submit", help])
            #expect(
                try CommandWords(["cancel", "42", help].map { Array($0.utf8) }).arguments == ["cancel", help])
        }
        #expect(try CommandWords(["help", "submit"].map { Array($0.utf8) }).arguments == ["help", "submit"])
        #expect(try CommandWords([]).arguments == [])
    }

    /// The verbs as the argument parser describes them.
    private struct Tool: Decodable {
        struct Command: Decodable {
            struct Argument: Decodable {
                struct Name: Decodable { let kind: String, name: String }
                let kind: String
                let names: [Name]?
                let isRepeating: Bool
            }
            let commandName: String
            let arguments: [Argument]?
            let subcommands: [Command]?
        }
        let command: Command
    }

    @Test("the table of options matches the verbs")
    func table() throws {
        let tool = try JSONDecoder().decode(Tool.self, from: Data(FluxqCommand._dumpHelp().utf8))
        let verbs = (tool.command.subcommands ?? []).filter { $0.commandName != "help" }
        #expect(Set(verbs.map(\.commandName)) == Set(VerbWords.all.keys))
        for verb in verbs {
            let words = try #require(VerbWords.all[verb.commandName])
            let arguments = (verb.arguments ?? []).filter { $0.kind != "positional" }
            func names(_ kind: String) -> Set<String> {
                Set(arguments.filter { $0.kind == kind }.flatMap { $0.names ?? [] }.map(\.name))
            }
            #expect(names("option") == Set(words.values.keys), "\(verb.commandName)")
            #expect(names("flag").subtracting(["help", "h", "version"]) == words.flags, "\(verb.commandName)")
            let repeating = arguments.filter { $0.kind == "option" && $0.isRepeating }.flatMap { $0.names ?? [] }
            #expect(Set(repeating.map(\.name)).isSubset(of: VerbWords.repeatable))
        }
    }
}
